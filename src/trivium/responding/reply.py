"""What a handler returned becomes a reply.

The road is chosen when the route is compiled: a model that Pydantic writes as JSON in one pass, a
plain value, a response class of the author's, or a stream.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import pydantic
from starlette.background import BackgroundTask
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from trivium.binding.annotations import is_subclass
from trivium.binding.fields import DumpOptions, Field
from trivium.errors import EndpointContext, ResponseValidationError
from trivium.exchange import HTML_TYPE, JSON_TYPE, TEXT_TYPE, Exchange, MadeHere, RawHeaders, Reply
from trivium.responding.encoders import jsonable_encoder
from trivium.responding.loading import MustLoad, Unfinished, is_loaded, loader_of
from trivium.responding.plain import encode_json

__all__ = ["Finish", "Outcome", "Written", "allows_body", "finisher", "model_writer"]

Outcome: TypeAlias = Reply | Response
Write: TypeAlias = Callable[[Any, Exchange, bool], bytes]
Body: TypeAlias = Callable[[Any, Exchange], bytes | None]
Finish: TypeAlias = Callable[[Any, Exchange], Outcome | Unfinished]
Context: TypeAlias = Callable[[Exchange], EndpointContext]


def allows_body(status_code: int | str | None) -> bool:
    """Whether a reply of this status may have a body (RFC 9110, section 6.4.1).

    Takes what OpenAPI takes for a status as well: ``"default"`` and ranges such as ``"4XX"``.
    """
    if status_code is None or status_code in _RANGES:
        return True
    code = int(status_code)
    return code >= 200 and code not in (204, 205, 304)


_RANGES = frozenset({"default", "1XX", "2XX", "3XX", "4XX", "5XX"})


def finisher(
    *,
    field: Field | None,
    status_code: int | None,
    response_class: type[Response],
    is_default_class: bool,
    dump: DumpOptions,
    context: Context,
) -> Finish:
    """The function that turns the handler's result into a reply."""
    if is_default_class and field is not None:
        annotation = field.field_info.annotation
        write = _loading_writer(field, dump, context)
        body = _simple_body(write, _trusted_model(field), _json_of(field, dump))
        return _json_finisher(write, body, status_code, annotation)
    if field is None and response_class is JSONResponse:
        body = _simple_body(_write_plain, dict, encode_json)
        return _json_finisher(_write_plain, body, status_code, None)
    finish = _class_finisher(field, status_code, response_class, dump, context)
    kind = _TEXTS.get(response_class)
    is_text = field is None or (
        field.field_info.annotation is str and not field.field_info.metadata
    )
    if kind is not None and is_text and allows_body(status_code):
        return _text_finisher(kind, status_code or 200, finish)
    return finish


_TEXTS: dict[Any, MadeHere] = {PlainTextResponse: TEXT_TYPE, HTMLResponse: HTML_TYPE}


class Written:
    """The finish of results that the framework writes itself, each as a body of one type.

    Where nothing else was asked of the reply, ``body`` is all that differs from one to the next.
    """

    __slots__ = ("body", "kind", "otherwise", "status")

    def __init__(self, status: int, kind: MadeHere, body: Body, otherwise: Finish) -> None:
        self.status = status
        self.kind = kind
        self.body = body
        """The body for a result; None where ``otherwise`` has to be called."""
        self.otherwise = otherwise

    def __call__(self, value: Any, ex: Exchange) -> Outcome | Unfinished:
        if ex.is_simple and (body := self.body(value, ex)) is not None:
            return self.reply(body)
        return self.otherwise(value, ex)

    def reply(self, body: bytes) -> Reply:
        """The reply with this body."""
        headers: RawHeaders = [(b"content-length", b"%d" % len(body)), self.kind]
        return Reply(self.status, headers, body)


def _text_finisher(kind: MadeHere, status: int, otherwise: Finish) -> Finish:
    """For a string that is sent as it is."""

    def body(value: Any, ex: Exchange) -> bytes | None:
        return value.encode() if type(value) is str else None

    return Written(status, kind, body, otherwise)


def _write_plain(value: Any, ex: Exchange, loaded: bool) -> bytes:
    if not loaded and not is_loaded(type(value)):
        raise MustLoad
    return encode_json(value)


def _simple_body(write: Write, ready: type[Any] | None, to_json: Callable[[Any], bytes]) -> Body:
    """What ``write`` makes of a result that needs no waiting.

    ready: the most frequent type, which ``to_json`` writes without any further question.
    """

    def body(value: Any, ex: Exchange) -> bytes | None:
        if type(value) is ready:
            return to_json(value)
        if isinstance(value, Response):
            return None
        try:
            return write(value, ex, False)
        except MustLoad:
            return None

    return body


def _json_finisher(
    write: Write, simple_body: Body, status_code: int | None, annotation: Any
) -> Finish:
    declared = status_code or 200

    def finish(value: Any, ex: Exchange, loaded: bool = False) -> Outcome | Unfinished:
        if isinstance(value, Response):
            return value
        try:
            body = write(value, ex, loaded)
        except MustLoad:
            return Unfinished(value, annotation, partial(finish, loaded=True))
        return _reply_as_chosen(declared, ex.chosen, body, ex.background)

    return Written(declared, JSON_TYPE, simple_body, finish) if allows_body(declared) else finish


def _reply_as_chosen(
    declared: int, chosen: Response | None, body: bytes, background: BackgroundTask | None
) -> Reply:
    """The reply with the status, headers and cookies that were set on the injected response."""
    status = (chosen.status_code if chosen is not None else None) or declared
    headers: RawHeaders = []
    if allows_body(status):
        headers.append((b"content-length", b"%d" % len(body)))
    else:
        body = b""
        if status == 205:
            headers.append((b"content-length", b"0"))
    headers.append(JSON_TYPE)
    if chosen is not None:
        headers += chosen.raw_headers
    return Reply(status, headers, body, background)


def model_writer(
    field: Field, dump: DumpOptions, context: Context
) -> Callable[[Any, Exchange], bytes]:
    """What makes JSON of a value, once it is validated; raises ResponseValidationError."""
    write = _loading_writer(field, dump, context)
    return lambda value, ex: write(value, ex, True)


def _loading_writer(field: Field, dump: DumpOptions, context: Context) -> Write:
    """The same for values that may have to be loaded first: then it raises MustLoad."""
    validate = field.checker.validator.validate_python
    to_json = _json_of(field, dump)
    trusted = _trusted_model(field)
    loads = False

    def write(value: Any, ex: Exchange, loaded: bool) -> bytes:
        nonlocal loads
        # an instance of the model was validated when it was made
        if type(value) is not trusted:
            if not loaded and (not is_loaded(type(value)) or (loads and loader_of(value))):
                raise MustLoad
            try:
                value = validate(value, from_attributes=True)
            except ValueError:
                if not loaded and loader_of(value) is not None:
                    # it lacks something; from now on it is loaded before it is tried
                    loads = True
                    raise MustLoad from None
                value = _checked(field, value, ex, context)
        return to_json(value)

    return write


def _json_of(field: Field, dump: DumpOptions) -> Callable[[Any], bytes]:
    # Pydantic reads each keyword it is given, and most are what it takes to be said anyway.
    options: dict[str, Any] = {"by_alias": True, **dump}
    options = {
        name: value
        for name, value in options.items()
        if name == "by_alias" or (value is not None and value is not False)
    }
    return partial(field.checker.serializer.to_json, **options)


def _checked(field: Field, value: Any, ex: Exchange, context: Context) -> Any:
    checked, errors = field.validate(value, loc=("response",))
    if errors:
        raise ResponseValidationError(errors, body=value, endpoint_ctx=context(ex))
    return checked


def _trusted_model(field: Field) -> "type[pydantic.BaseModel] | None":
    annotation = field.field_info.annotation
    if not is_subclass(annotation, pydantic.BaseModel) or field.field_info.metadata:
        return None
    revalidates = annotation.model_config.get("revalidate_instances", "never")
    return annotation if revalidates == "never" else None


def _class_finisher(
    field: Field | None,
    status_code: int | None,
    response_class: type[Response],
    dump: DumpOptions,
    context: Context,
) -> Finish:
    def finish(value: Any, ex: Exchange, loaded: bool = False) -> Outcome | Unfinished:
        if isinstance(value, Response):
            return value
        if not loaded and loader_of(value) is not None:
            annotation = None if field is None else field.field_info.annotation
            return Unfinished(value, annotation, partial(finish, loaded=True))
        if field is None:
            content = jsonable_encoder(value)
        else:
            content = field.serialize(_checked(field, value, ex, context), **dump)
        response = response_class(content, **response_arguments(ex, status_code))
        if not allows_body(response.status_code):
            response.body = b""
        add_headers(response, ex)
        return response

    return finish


def response_arguments(ex: Exchange, status_code: int | None) -> dict[str, Any]:
    """What a response is constructed with; the class keeps its own status unless one was set."""
    arguments: dict[str, Any] = {"background": ex.background}
    chosen = ex.chosen.status_code if ex.chosen is not None else None
    if status := chosen or status_code:
        arguments["status_code"] = status
    return arguments


def add_headers(response: Response, ex: Exchange) -> None:
    """Adds the headers and cookies that were set on the injected response."""
    if ex.chosen is not None:
        response.raw_headers.extend(ex.chosen.raw_headers)
