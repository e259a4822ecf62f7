"""One path operation: a handler, what is declared about it, and how a request runs it."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from functools import cached_property
from typing import Any, ForwardRef, TypeVar, cast

from starlette import routing as starlette_routing
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from typing_extensions import Unpack

from trivium.binding.analysis import (
    analyse,
    analyse_listed,
    path_parameter_names,
    read_signature,
)
from trivium.binding.annotations import is_subclass
from trivium.binding.callables import name_of, stream_item_type
from trivium.binding.defaults import UNSET, DefaultPlaceholder, value_or_default
from trivium.binding.dependant import Dependant
from trivium.binding.fields import DumpOptions, Field, make_field
from trivium.binding.limits import (
    FormLimits,
    checked_body_size,
    checked_form_limits,
    first_given,
    limited,
)
from trivium.binding.params import Form
from trivium.binding.plan import Plan
from trivium.binding.steps import Overrides
from trivium.binding.written import parameter_as_written, return_as_written
from trivium.errors import DeclarationError, place_of
from trivium.responding.reply import Finish, Written, allows_body, finisher
from trivium.responding.responses import EventSourceResponse
from trivium.routing.inclusion import Inclusion
from trivium.routing.operation import (
    Compiled,
    Operation,
    RequestHandler,
    as_response,
    exchange_of,
)
from trivium.routing.operation_route import OperationRoute
from trivium.routing.options import (
    DEFAULT_RESPONSE_CLASS,
    DEFAULT_STRICTNESS,
    DEFAULT_UNIQUE_ID,
    RouteOptions,
)
from trivium.routing.template import Template, parsed

__all__ = ["APIRoute"]

_Made = TypeVar("_Made")

_DUMP_DEFAULTS: dict[str, Any] = {
    "response_model_include": None,
    "response_model_exclude": None,
    "response_model_by_alias": True,
    "response_model_exclude_unset": False,
    "response_model_exclude_defaults": False,
    "response_model_exclude_none": False,
}


class APIRoute(OperationRoute, starlette_routing.Route):  # type: ignore[override]  # Starlette sets attributes where these are properties
    """A path operation.

    Its attributes carry FastAPI's names and are what the OpenAPI document is made from. A route
    that a router includes stays as it is; ``included`` makes the one that is served.

    Raises DeclarationError, with the place and the fix, for a declaration that cannot work.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], **options: Unpack[RouteOptions]
    ) -> None:
        if not callable(endpoint):
            raise DeclarationError(
                f"An endpoint must be a callable, {endpoint!r} is not",
                written=f"add_api_route({path!r}, {endpoint!r})",
                instead=f"add_api_route({path!r}, some_function)",
            )
        given: dict[str, Any] = dict(options)
        self.path = path
        self.endpoint = endpoint
        self.name = given.get("name") or name_of(endpoint)
        self.methods = {method.upper() for method in given.get("methods") or ("GET",)}
        self.status_code = _plain_status(given.get("status_code"))
        self.tags: list[Any] = given.get("tags") or []
        self.dependencies = list(given.get("dependencies") or ())
        self.summary: str | None = given.get("summary")
        self.description = _description(given.get("description"), endpoint)
        self.response_description: str = given.get("response_description", "Successful Response")
        self.responses: dict[int | str, dict[str, Any]] = given.get("responses") or {}
        self.deprecated: bool | None = given.get("deprecated")
        self.operation_id: str | None = given.get("operation_id")
        for option, default in _DUMP_DEFAULTS.items():
            setattr(self, option, given.get(option, default))
        self.include_in_schema: bool = given.get("include_in_schema", True)
        self.response_class: type[Response] | DefaultPlaceholder = given.get(
            "response_class", DEFAULT_RESPONSE_CLASS
        )
        self.callbacks: list[Any] | None = given.get("callbacks")
        self.openapi_extra: dict[str, Any] | None = given.get("openapi_extra")
        self.generate_unique_id_function: Any = given.get(
            "generate_unique_id_function", DEFAULT_UNIQUE_ID
        )
        self.strict_content_type: bool | DefaultPlaceholder = given.get(
            "strict_content_type", DEFAULT_STRICTNESS
        )
        self.dependency_overrides_provider = given.get("dependency_overrides_provider")
        self.max_body_size = checked_body_size(given.get("max_body_size"))
        self.form_limits: FormLimits = checked_form_limits(given.get("form_limits"))
        self.template: Template = self._located(parsed, path)
        self._signature = read_signature(endpoint)
        self.unique_id = self._unique_id()
        self._analyse()
        self._describe_response(given.get("response_model", UNSET))
        self._describe_further_responses()

    # Registration

    def _analyse(self) -> None:
        """Works out the tree of dependencies."""
        path = self.path_format
        root = analyse(path, self.endpoint, scope="function", signature=self._signature)
        listed = [analyse_listed(path, depends, self.endpoint) for depends in self.dependencies]
        root.dependencies[:0] = listed
        self._set_dependant(root)

    def _set_dependant(self, dependant: Dependant) -> None:
        self.dependant = dependant
        self._body_params = dependant.flat_body_params()
        self._embed_body_fields = self._are_embedded(self._body_params)

    def _describe_response(self, response_model: Any) -> None:
        kind = self.dependant.kind
        streams = kind.is_generator
        self.is_sse_stream = streams and is_subclass(self.response_class, EventSourceResponse)
        self.is_json_stream = streams and isinstance(self.response_class, DefaultPlaceholder)
        self.stream_item_type: Any | None = None
        if isinstance(response_model, DefaultPlaceholder):
            response_model = self._model_of_annotation(streams)
        self.response_model = response_model
        self.response_field = self._response_field("Response_", response_model)
        self.stream_item_field = self._stream_field()

    def _model_of_annotation(self, streams: bool) -> Any:
        annotation = self._signature.return_annotation
        if annotation is inspect.Signature.empty or is_subclass(annotation, Response):
            return None
        item = stream_item_type(annotation)
        if item is None or not streams:
            return annotation
        if self.is_json_stream or self.is_sse_stream:
            from trivium.responding.sse import ServerSentEvent

            # an envelope: what it carries is the author's own business
            if not is_subclass(item, ServerSentEvent):
                self.stream_item_type = item
        return None

    def _response_field(self, prefix: str, model: Any) -> Field | None:
        if not model:
            return None
        if not allows_body(self.status_code):
            raise self._error(
                f"Status code {self.status_code} must not have a response body",
                written=f"status_code={self.status_code}, {self._model_as_written(model)}",
                instead=f"status_code={self.status_code}, response_model=None",
            )
        return self._field(prefix + self.unique_id, model, lambda: self._model_as_written(model))

    def _stream_field(self) -> Field | None:
        if not self.stream_item_type:
            return None
        item = self.stream_item_type
        name = "StreamItem_" + self.unique_id
        return self._field(name, item, lambda: self._model_as_written(item))

    def _model_as_written(self, model: Any) -> str:
        """The return annotation, or what is given as the response model."""
        if self.response_model is self._signature.return_annotation or self.stream_item_type:
            return return_as_written(self.endpoint) or f"-> {model}"
        return f"response_model={model}"

    def _describe_further_responses(self) -> None:
        self.response_fields: dict[int | str, Field] = {}
        for status, response in self.responses.items():
            if not isinstance(response, dict):
                raise self._error(
                    "An additional response must be a dict",
                    written=f"responses={{{status!r}: {response!r}}}",
                    instead=f"responses={{{status!r}: {{'description': {str(response)!r}}}}}",
                )
            if model := response.get("model"):
                if not allows_body(status):
                    raise self._error(
                        f"Status code {status} must not have a response body",
                        written=f"responses={{{status}: {{'model': ...}}}}",
                        instead=f"responses={{{status}: {{'description': ...}}}}",
                    )
                name = f"Response_{status}_{self.unique_id}"
                written = f"responses={{{status}: {{'model': {model}}}}}"
                self.response_fields[status] = self._field(name, model, written.__str__)

    def _field(self, name: str, annotation: Any, written: Callable[[], str]) -> Field:
        if isinstance(annotation, str | ForwardRef):
            raise self._error(
                f"{getattr(annotation, '__forward_arg__', annotation)!r} is not defined where the"
                " route is registered",
                written=written(),
                instead="response_model=None, or a model that is defined or imported above",
            )
        return self._located(make_field, name, annotation, mode="serialization", written=written)

    def _located(
        self,
        make: Callable[..., _Made],
        *arguments: Any,
        written: Callable[[], str] | None = None,
        **more: Any,
    ) -> _Made:
        """What ``make`` makes; a mistake it finds is one of this handler's declaration."""
        try:
            return make(*arguments, **more)
        except DeclarationError as error:
            raise type(error)(
                error.message,
                where=place_of(self.endpoint),
                written=error.written if written is None else written(),
                instead=error.instead,
            ) from error.__cause__

    def _error(self, message: str, *, written: str, instead: str) -> DeclarationError:
        return DeclarationError(
            message, where=place_of(self.endpoint), written=written, instead=instead
        )

    def refuse_several_bodies(self) -> None:
        """Raises DeclarationError for a GET or HEAD route that reads several bodies."""
        names = list(dict.fromkeys(field.name for field in self._body_params))
        methods = self.methods or set()
        if len(names) > 1 and methods <= {"GET", "HEAD"}:
            written = parameter_as_written(self.endpoint, names[-1])
            raise self._error(
                f"{' and '.join(map(repr, names))} are read from the body of a"
                f" {'/'.join(sorted(methods))} request, which as a rule has none",
                written=str(written or names[-1]),
                instead=f"@app.post({self.path!r})",
            )

    def _unique_id(self) -> str:
        make = self.generate_unique_id_function
        if isinstance(make, DefaultPlaceholder):
            make = make.value
        return self.operation_id or cast(str, make(self))

    # Inclusion

    def included(self, inclusion: Inclusion) -> "APIRoute":
        """The route as it is served below the routers that include it."""
        route = self._moved_below(inclusion)
        route.tags = [*inclusion.tags, *self.tags]
        route.responses = {**inclusion.responses, **self.responses}
        route.callbacks = [*inclusion.callbacks, *(self.callbacks or ())]
        route.deprecated = self.deprecated or inclusion.deprecated
        route.include_in_schema = self.include_in_schema and inclusion.include_in_schema
        route.response_class = value_or_default(
            self.response_class, inclusion.default_response_class
        )
        route.generate_unique_id_function = value_or_default(
            self.generate_unique_id_function, inclusion.generate_unique_id_function
        )
        route.strict_content_type = value_or_default(
            self.strict_content_type, inclusion.strict_content_type
        )
        route.max_body_size = first_given(self.max_body_size, inclusion.max_body_size)
        route.form_limits = cast(FormLimits, {**inclusion.form_limits, **self.form_limits})
        route.unique_id = route._unique_id()
        route._analyse_included(inclusion, self)
        route._rename_fields(self.unique_id)
        if inclusion.responses:
            route._describe_further_responses()
        if route.response_class is not self.response_class:
            streams = route.dependant.kind.is_generator
            route.is_sse_stream = streams and is_subclass(route.response_class, EventSourceResponse)
            route.is_json_stream = streams and isinstance(route.response_class, DefaultPlaceholder)
        return route

    def _rename_fields(self, unique_id: str) -> None:
        """The titles in the document are made of the operation id, which has changed."""

        def renamed(field: Field) -> Field:
            return field.renamed(field.name.removesuffix(unique_id) + self.unique_id)

        if self.response_field is not None:
            self.response_field = renamed(self.response_field)
        if self.stream_item_field is not None:
            self.stream_item_field = renamed(self.stream_item_field)
        self.response_fields = {k: renamed(f) for k, f in self.response_fields.items()}

    def _analyse_included(self, inclusion: Inclusion, declared: "APIRoute") -> None:
        path = self.path_format
        if path_parameter_names(inclusion.prefix):
            # a name in the prefix turns a query parameter of the handler into a path parameter
            self._analyse()
            return
        outer = [analyse_listed(path, depends) for depends in inclusion.dependencies]
        self._set_dependant(
            replace(
                declared.dependant,
                path=path,
                dependencies=[*outer, *declared.dependant.dependencies],
            )
        )

    # The document

    @cached_property
    def body_field(self) -> Field | None:
        """One field for the whole body, as the document shows it."""
        from trivium.binding.shape import body_field

        return body_field(self._body_params, self.unique_id, self._embed_body_fields)

    # Requests

    @cached_property
    def operation(self) -> Operation:
        """Serves the requests; compiled at the first of them."""
        return Operation(self._compiled)

    def _compiled(self, overrides: Overrides | None) -> Compiled:
        params = self._body_params
        is_form = bool(params) and any(isinstance(p.field_info, Form) for p in params)
        plan = self.plan_class(
            self.dependant,
            body=("form" if is_form else "json") if params else None,
            embed_body_fields=self._embed_body_fields,
            strict_content_type=bool(self.strict_content_type),
            form_limits=self.form_limits,
            overrides=overrides,
        )
        custom = type(self).get_route_handler is not APIRoute.get_route_handler
        handler = self.get_route_handler() if custom else None
        finish = self._finish(plan)
        return Compiled(plan, finish, handler, finish if isinstance(finish, Written) else None)

    def _finish(self, plan: Plan) -> Finish:
        dump = cast(
            DumpOptions,
            {name.removeprefix("response_model_"): getattr(self, name) for name in _DUMP_DEFAULTS},
        )
        chosen = self.response_class
        is_default = isinstance(chosen, DefaultPlaceholder)
        response_class = chosen.value if isinstance(chosen, DefaultPlaceholder) else chosen
        if self.dependant.kind.is_generator:
            from trivium.responding.stream import stream_finisher

            return stream_finisher(
                field=self.stream_item_field,
                status_code=self.status_code,
                response_class=response_class,
                is_sse=self.is_sse_stream,
                is_json=self.is_json_stream,
                dump=dump,
                context=plan.context,
            )
        return finisher(
            field=self.response_field,
            status_code=self.status_code,
            response_class=response_class,
            is_default_class=is_default,
            dump=dump,
            context=plan.context,
        )

    def get_route_handler(self) -> RequestHandler:
        """What answers a request. Override it to act before, after or around the handler.

        The request that your function passes on may be of a class of its own; the body is read
        from it, and the handler receives it.
        """

        async def handle(request: Request) -> Response:
            ex = exchange_of(request)
            return as_response(await self.operation.compiled(ex.overrides).produce(ex), ex)

        return handle

    @cached_property
    def app(self) -> ASGIApp:  # type: ignore[override]  # Starlette sets an attribute
        """The route alone as an ASGI application."""
        return limited(self._alone(self.operation), self.max_body_size)


def _plain_status(status: int | None) -> int | None:
    return int(status) if isinstance(status, IntEnum) else status


def _description(given: str | None, endpoint: Callable[..., Any]) -> str:
    text = given or inspect.cleandoc(endpoint.__doc__ or "")
    # what follows a form feed is meant for readers of the source
    return text.split("\f")[0].strip()
