"""The dependencies of a handler resolved for one request, for code that calls it by itself."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from starlette.background import BackgroundTasks as StarletteBackgroundTasks
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from trivium.binding.dependant import Dependant
from trivium.binding.fields import Undefined
from trivium.binding.picking import Errors
from trivium.binding.steps import compile_steps, grouped, run_groups, thread_group
from trivium.binding.values import Run
from trivium.routing.operation import exchange_of, is_served

__all__ = ["SolvedDependency", "solve_dependencies"]


@dataclass
class SolvedDependency:
    """What a handler would be called with."""

    values: dict[str, Any]
    """Its arguments; incomplete where there are errors."""
    errors: Errors
    background_tasks: StarletteBackgroundTasks | None
    response: Response
    """Carries the status and headers that the dependencies have set."""
    dependency_cache: dict[Any, Any]


async def solve_dependencies(
    *,
    request: Request | WebSocket,
    dependant: Dependant,
    body: Any = Undefined,
    background_tasks: StarletteBackgroundTasks | None = None,
    response: Response | None = None,
    dependency_overrides_provider: Any | None = None,
    dependency_cache: dict[Any, Any] | None = None,
    async_exit_stack: AsyncExitStack,
    embed_body_fields: bool = False,
) -> SolvedDependency:
    """Calls the dependencies and gives the arguments of the handler, which is not called.

    body: a FormData or what the JSON says; what was read stays the caller's.
    response: receives the headers and the status that dependencies set.
    dependency_cache: accepted for callers of FastAPI's; what is shared is shared within one call.
    async_exit_stack: the caller's; it closes what the dependencies open, unless the request is
        being served by a route, which then does so at its end.
    """
    ex = exchange_of(request)
    if not is_served(request):
        async_exit_stack.push_async_exit(ex.request_stack)
        async_exit_stack.push_async_exit(ex.function_stack)
    if background_tasks is not None:
        ex.background_tasks.take_up(background_tasks)
    steps, handler = compile_steps(
        dependant,
        embed=embed_body_fields,
        is_form=isinstance(body, FormData),
        overrides=getattr(dependency_overrides_provider, "dependency_overrides", None),
    )
    groups, in_thread = grouped(steps)
    if in_thread:
        groups.append(thread_group(in_thread))
    run = Run(len(steps), body)
    await run_groups(groups, ex, run)
    await handler.arguments.take_form(run)
    values = handler.arguments.make(ex, run)
    if response is not None and response is not ex.response:
        response.headers.raw.extend(ex.response.headers.raw)
        response.status_code = ex.response.status_code or response.status_code
    return SolvedDependency(
        values=values or {},
        errors=run.errors or [],
        background_tasks=ex.background,
        response=response or ex.response,
        dependency_cache={} if dependency_cache is None else dependency_cache,
    )
