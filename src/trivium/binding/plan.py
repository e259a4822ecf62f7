"""The compiled plan of one handler: everything that its declaration tells, worked out once.

A request runs the plan: read the body, run the dependency steps, make the handler's arguments,
call it. The plan is immutable; what belongs to a request lives in its Exchange and Run.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

from pydantic_core import from_json

from trivium.binding.callables import CallKind, name_of
from trivium.binding.dependant import Dependant
from trivium.binding.fields import Undefined
from trivium.binding.limits import FormLimits
from trivium.binding.picking import Errors
from trivium.binding.steps import (
    Overrides,
    compile_steps,
    grouped,
    run_groups,
    thread_group,
    visitor,
)
from trivium.binding.values import Run
from trivium.errors import (
    EndpointContext,
    RequestValidationError,
    ValidationException,
    WebSocketRequestValidationError,
)
from trivium.exchange import Exchange
from trivium.threads import in_thread

__all__ = ["BodyKind", "Plan", "endpoint_context"]

BodyKind: TypeAlias = Literal["json", "form"]
Finish: TypeAlias = Callable[[Any, Exchange], Any]


class Plan:
    """How to call one handler.

    ``call`` returns what the handler returned, given through ``finish``: a ``def`` handler is
    finished in its worker thread, where a blocking attribute of its result may still be read.
    """

    __slots__ = (
        "_arguments",
        "_call",
        "_context",
        "_is_awaited",
        "_read_body",
        "_reads_form",
        "_visit",
        "_whole_json",
        "body",
        "dependant",
        "form_limits",
        "groups",
        "handler",
        "in_thread",
        "is_threaded",
        "ready",
        "steps",
        "strict_content_type",
    )

    def __init__(
        self,
        dependant: Dependant,
        *,
        body: BodyKind | None = None,
        embed_body_fields: bool = False,
        strict_content_type: bool = True,
        form_limits: FormLimits | None = None,
        overrides: Overrides | None = None,
    ) -> None:
        self.dependant = dependant
        self.body = body
        self._read_body: Callable[..., Awaitable[Any]] | None = None
        if body is not None:
            from trivium.binding.body import read_body

            self._read_body = read_body
        self.strict_content_type = strict_content_type
        self.form_limits: FormLimits = form_limits or FormLimits()
        self.steps, self.handler = compile_steps(
            dependant, embed=embed_body_fields, is_form=body == "form", overrides=overrides
        )
        self._call = self.handler.call
        self._is_awaited = self.handler.kind is CallKind.ASYNC
        self._arguments = self.handler.arguments
        self._reads_form = self._arguments.reads_form
        self.groups, self.in_thread = grouped(self.steps)
        self.is_threaded = self.handler.kind is CallKind.SYNC
        if self.in_thread and not self.is_threaded:
            self.groups.append(thread_group(self.in_thread))
            self.in_thread = []
        self._visit = visitor(self.in_thread) if self.in_thread else None
        self._context: EndpointContext | None = None
        self._whole_json: tuple[str, Callable[[bytes], Any]] | None = None
        self.ready = self._ready(embed_body_fields) if type(self).call is Plan.call else None
        """Makes the arguments of an ``async def`` handler where all of them can be had without
        waiting; gives None where ``call`` has to be awaited instead, and raises as it does.
        """

    def _ready(self, embed: bool) -> Callable[[Exchange], dict[str, Any] | None] | None:
        if self.steps or self.handler.kind is not CallKind.ASYNC or self.body == "form":
            return None
        if self._arguments.is_empty and self.body is None:
            return _no_arguments
        if self.body is None:
            return self._ready_values
        from trivium.binding.body import whole_json

        self._whole_json = whole_json(self.dependant.body_params, embed)
        return self._ready_arguments

    def _ready_values(self, ex: Exchange) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        errors = self._arguments.read_values(ex, arguments)
        if errors:
            raise self._invalid(ex, Undefined, errors)
        return arguments

    def _ready_arguments(self, ex: Exchange) -> dict[str, Any] | None:
        body: Any = Undefined
        raw = ex.whole_body()
        if raw is None or ex.header_map.get(b"content-type") != b"application/json":
            return None
        if raw:
            arguments = self._read_at_once(ex, raw)
            if arguments is not None:
                return arguments
            try:
                body = from_json(raw)
            except ValueError:
                return None
        arguments = {}
        errors = self._arguments.read(ex, body, arguments)
        if errors:
            raise self._invalid(ex, body, errors)
        return arguments

    def _read_at_once(self, ex: Exchange, raw: bytes) -> dict[str, Any] | None:
        """The arguments, with a body that is made of JSON in one step; None if that fails."""
        if self._whole_json is None:
            return None
        name, read = self._whole_json
        arguments: dict[str, Any] = {}
        try:
            value = read(raw)
        except ValueError:
            return None
        if self._arguments.read_values(ex, arguments):
            return None
        arguments[name] = value
        return arguments

    async def call(self, ex: Exchange, finish: Finish) -> Any:
        """Runs the plan for one request.

        Raises RequestValidationError, or WebSocketRequestValidationError, with all errors of the
        handler and its dependencies in the order of declaration.
        """
        body: Any = Undefined
        if self._read_body is not None and not ex.is_websocket:
            body = await self._read_body(
                ex,
                is_form=self.body == "form",
                strict_content_type=self.strict_content_type,
                form_limits=self.form_limits,
                context=self.context,
            )
        run = Run(len(self.steps), body)
        if self.groups:
            await run_groups(self.groups, ex, run)
        if self._reads_form:
            if self._visit is not None:
                await in_thread(self._visit, ex, run, limited=not ex.is_holding)
            await self._arguments.take_form(run)
        if self.is_threaded:
            limited = not ex.is_holding
            return await in_thread(self._call_in_thread, ex, run, finish, limited=limited)
        arguments = self._arguments.make(ex, run)
        if arguments is None:
            raise self._invalid(ex, run.body, run.errors)
        result = self._call(**arguments)
        return finish(await result if self._is_awaited else result, ex)

    def context(self, ex: Exchange) -> EndpointContext:
        """Which handler this is, for the message of a validation error."""
        if self._context is None:
            self._context = endpoint_context(self.handler.call)
        context = self._context.copy()
        if path := self.dependant.path:
            mounted_at = ex.root_path.rstrip("/")
            verb = "WS" if ex.is_websocket else ex.method
            context["path"] = f"{verb} {mounted_at}{path}"
        return context

    def calls_any(self, dependencies: Overrides) -> bool:
        """Whether any of the dependencies is called here."""
        return any(below.call in dependencies for below in self.dependant.walk())

    def _call_in_thread(self, ex: Exchange, run: Run, finish: Finish) -> Any:
        if self._visit is not None and not self._reads_form:
            self._visit(ex, run)
        arguments = self._arguments.make(ex, run)
        if arguments is None:
            raise self._invalid(ex, run.body, run.errors)
        return finish(self._call(**arguments), ex)

    def _invalid(self, ex: Exchange, body: Any, errors: Errors | None) -> ValidationException:
        context, errors = self.context(ex), errors or []
        if ex.is_websocket:
            return WebSocketRequestValidationError(errors, endpoint_ctx=context)
        body = None if body is Undefined else body
        return RequestValidationError(errors, body=body, endpoint_ctx=context)


def _no_arguments(ex: Exchange) -> dict[str, Any]:
    return {}


def endpoint_context(call: Callable[..., Any]) -> EndpointContext:
    """Name, file and line of a handler, as far as they can be found."""
    context = EndpointContext()
    try:
        if (file := inspect.getsourcefile(call)) is not None:
            context["file"] = file
        context["line"] = inspect.getsourcelines(call)[1]
    except (OSError, TypeError):
        # no source: a handler typed at a prompt, a builtin, an instance
        return context
    context["function"] = name_of(call)
    return context
