"""Routes that report what they do to the observation of a request.

An application that is observed has its table compiled with these classes; any other one does not
know of them.
"""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, cast

from starlette._utils import get_route_path
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from trivium.background import BackgroundTasks
from trivium.binding.body import read_body
from trivium.binding.callables import CallKind
from trivium.binding.fields import Undefined
from trivium.binding.plan import Finish, Plan
from trivium.binding.steps import run_groups
from trivium.binding.values import Run
from trivium.errors import RequestValidationError
from trivium.exchange import Exchange
from trivium.routing.dispatch import Asked, Dispatcher
from trivium.routing.route import APIRoute
from trivium.routing.router import APIRouter
from trivium.routing.table import Entry, Table
from trivium.routing.websocket import APIWebSocketRoute
from trivium.stages.telemetry.observation import Observation, Stage, current
from trivium.threads import in_thread

__all__ = ["ErrorNotes", "ObservedDispatcher"]


class ErrorNotes:
    """Notes an error on its way out, before the reply to it is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if (observation := current()) is not None:
                observation.failed(error)
            raise


class ObservedDispatcher(Dispatcher):
    """Reports the route that it finds, and has it run an observed plan."""

    def entry_of(self, order: int, route: BaseRoute) -> Entry:
        if isinstance(route, APIRoute | APIWebSocketRoute):
            # compiled before anybody observed
            route.__dict__.pop("operation", None)
            route.plan_class = ObservedPlan
        elif isinstance(route, Mount | Host):
            _observe_below(getattr(route, "_base_app", route.app))
        entry = super().entry_of(order, route)
        return replace(entry, serve=_reporting(route, entry.serve))

    def _ask(
        self, table: Table, path: str, method: str, scope: Scope
    ) -> tuple[Asked | None, set[str] | None]:
        found, allowed = super()._ask(table, path, method, scope)
        if found is not None and allowed:
            # a method that the path does not take: it is that path's request all the same
            _report(found[0].route)
        return found, allowed

    async def _nowhere(self, ex: Exchange) -> None:
        observation = current()
        if observation is not None and not ex.is_websocket:
            for one in self.frontends.placed:
                if one.frontend.relative_path(one.prefix, ex.path) is not None:
                    observation.select(one.frontend.full_path(one.prefix).rstrip("/") + "/{path}")
                    break
        await super()._nowhere(ex)

    def _with_other_slash(self, ex: Exchange, path: str) -> Scope | None:
        redirect = super()._with_other_slash(ex, path)
        if redirect is not None:
            _report(self._at(get_route_path(redirect), redirect))
        return redirect

    def _at(self, path: str, scope: Scope) -> BaseRoute | None:
        for entry, values in self.http.candidates(path):
            if entry.decides:
                if entry.route.matches(scope)[0] is not Match.NONE:
                    return entry.route
            elif entry.path_params(values) is not None:
                return entry.route
        return None


class ObservedPlan(Plan):
    """Calls as its base does, with a span around each operation of an observed request."""

    async def call(self, ex: Exchange, finish: Finish) -> Any:
        observation = current()
        if observation is None or observation.data is None:
            return await super().call(ex, finish)
        data = observation.data
        if ex.is_websocket:
            data.websocket = ex.websocket
        else:
            data.request = ex.request
        body = await self._read(ex, observation)
        data.body = None if body is Undefined else body
        run = Run(len(self.steps), body)
        stage = observation.begin("dependencies", self.handler.call)
        threaded = self.is_threaded
        with stage.within(ends=not threaded):
            await run_groups(self.groups, ex, run)
            if self.handler.arguments.reads_form:
                if self._visit is not None:
                    await in_thread(self._visit, ex, run, limited=not ex.is_holding)
                await self.handler.arguments.take_form(run)
            arguments = None if threaded else self._made(ex, run, observation)
        if threaded:
            work = self._observed_visit
            return await in_thread(
                work, ex, run, finish, observation, stage, limited=not ex.is_holding
            )
        if arguments is None:
            raise self._noted_refusal(ex, run, observation)
        with observation.operation("endpoint", self.handler.call):
            result = self.handler.call(**arguments)
            if self.handler.kind is CallKind.ASYNC:
                result = await result
        return self._finished(result, ex, finish, observation)

    async def _read(self, ex: Exchange, observation: Observation) -> Any:
        if self.body is None or ex.is_websocket:
            return Undefined
        try:
            return await read_body(
                ex,
                is_form=self.body == "form",
                strict_content_type=self.strict_content_type,
                form_limits=self.form_limits,
                context=self.context,
            )
        except RequestValidationError as error:
            observation.refused(error)
            raise

    def _observed_visit(
        self, ex: Exchange, run: Run, finish: Finish, observation: Observation, stage: Stage
    ) -> Any:
        with stage.within(ends=True):
            if self._visit is not None and not self.handler.arguments.reads_form:
                self._visit(ex, run)
            arguments = self._made(ex, run, observation)
        if arguments is None:
            raise self._noted_refusal(ex, run, observation)
        with observation.operation("endpoint", self.handler.call):
            result = self.handler.call(**arguments)
        return self._finished(result, ex, finish, observation)

    def _made(self, ex: Exchange, run: Run, observation: Observation) -> dict[str, Any] | None:
        arguments = self._arguments.make(ex, run)
        if observation.data is not None:
            observation.data.values = arguments or {}
            observation.data.errors = run.errors or []
        return arguments

    def _noted_refusal(self, ex: Exchange, run: Run, observation: Observation) -> Exception:
        error = self._invalid(ex, run.body, run.errors)
        observation.refused(error)
        return error

    def _finished(self, result: Any, ex: Exchange, finish: Finish, observation: Observation) -> Any:
        if isinstance(result, Response) or ex.is_websocket or self.handler.kind.is_generator:
            outcome = finish(result, ex)
        else:
            with observation.operation("serialization", self.handler.call):
                outcome = finish(result, ex)
        for tasks in (ex.background, getattr(outcome, "background", None)):
            if isinstance(tasks, BackgroundTasks):
                tasks.around = _around_task
        return outcome


def _around_task(task: BackgroundTask) -> AbstractContextManager[None]:
    observation = current()
    if observation is None:
        return Stage(None).within()
    # a `def` task is wrapped in what calls it in a worker thread
    function = inspect.unwrap(getattr(task, "func", task))
    return observation.operation("background_task", function, answers_fail=True)


def _reporting(
    route: BaseRoute, serve: Callable[[Exchange], Awaitable[None]]
) -> Callable[[Exchange], Awaitable[None]]:
    async def report_and_serve(ex: Exchange) -> None:
        _report(route)
        await serve(ex)

    return report_and_serve


def _report(route: BaseRoute | None) -> None:
    observation = current()
    if observation is None or route is None:
        return
    if isinstance(route, Mount):
        observation.select(route.path_format.removesuffix("/{path}"), is_mount=True)
    else:
        observation.select(getattr(route, "path_format", None))


def _observe_below(app: Any) -> None:
    if isinstance(app, APIRouter):
        app.dispatch_with(ObservedDispatcher)
    elif callable(observe := getattr(app, "observe", None)):
        cast(Callable[[], None], observe)()
