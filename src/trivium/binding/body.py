"""The body: read once, then taken apart for each callable that declares some of it."""

import email.message
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from pydantic import ValidationError
from pydantic_core import from_json
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException as StarletteHTTPException

from trivium.binding.fields import Field, Loc, Undefined, missing, relocated
from trivium.binding.forms import form_body, form_model_value, form_models
from trivium.binding.json_bodies import json_reader
from trivium.binding.limits import FormLimits, limit_error
from trivium.binding.picking import Errors, validated
from trivium.binding.shape import is_embedded
from trivium.binding.urlencoded import small_form
from trivium.errors import EndpointContext, HTTPException, RequestValidationError
from trivium.exchange import Exchange

__all__ = [
    "BodyArguments",
    "FormArguments",
    "body_arguments",
    "form_arguments",
    "read_body",
    "whole_json",
]

BodyArguments: TypeAlias = Callable[[Any, dict[str, Any]], Errors | None]
FormArguments: TypeAlias = Callable[[FormData, dict[str, Any]], Awaitable[Errors | None]]

# A high surrogate that no low one follows, a low one that no high one precedes; escaped or not.
_LONE_SURROGATE = re.compile(
    r"[\ud800-\udfff]"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


async def read_body(
    ex: Exchange,
    *,
    is_form: bool,
    strict_content_type: bool,
    form_limits: FormLimits,
    context: Callable[[Exchange], EndpointContext],
) -> Any:
    """The parsed body: a FormData, what the JSON says, the bytes of anything else, or Undefined.

    Raises RequestValidationError for JSON that is none, HTTPException 400 for a body that cannot
    be parsed and 413 for one over the limit.
    """
    try:
        if is_form:
            inherited = ex.scope.get("trivium.form_limits") or {}
            limits = FormLimits(**{**inherited, **form_limits})
            small = await small_form(ex, limits) if ex.has_no_connection else None
            if small is not None:
                return small
            form = await ex.request.form(**limits)
            ex.files_to_close(form)
            return form
        raw = await ex.body()
        if not raw:
            return Undefined
        if _is_json(ex.header(b"content-type"), strict_content_type):
            return _parsed_json(raw) if ex.parses_plain_json else await ex.request.json()
        return raw
    except json.JSONDecodeError as error:
        raise RequestValidationError(
            [
                {
                    "type": "json_invalid",
                    "loc": ("body", error.pos),
                    "msg": "JSON decode error",
                    "input": {},
                    "ctx": {"error": error.msg},
                }
            ],
            body=error.doc,
            endpoint_ctx=context(ex),
        ) from error
    except StarletteHTTPException:
        raise
    except Exception as error:
        if (over_limit := limit_error(ex.scope, error)) is not None:
            raise over_limit from error
        raise HTTPException(
            status_code=400, detail="There was an error parsing the body"
        ) from error


def body_arguments(fields: Sequence[Field], embed: bool) -> BodyArguments:
    """How the arguments of one callable are taken out of a body that is no form."""
    if len(fields) == 1 and not embed and not is_embedded(fields):
        return _whole_body(fields[0])
    takers = [_embedded_value(field) for field in fields]

    def take(body: Any, arguments: dict[str, Any]) -> Errors | None:
        errors: Errors = []
        for taker in takers:
            errors += taker(body, arguments) or ()
        return errors or None

    return take


def whole_json(fields: Sequence[Field], embed: bool) -> tuple[str, Callable[[bytes], Any]] | None:
    """The name of the one field that is the whole body, and what makes it of the bytes of JSON,
    where that means the same as parsing the JSON first."""
    if len(fields) != 1 or embed or is_embedded(fields):
        return None
    reader = json_reader(fields[0])
    return None if reader is None else (fields[0].name, reader)


def form_arguments(fields: Sequence[Field], embed: bool) -> FormArguments:
    """How the arguments of one callable are taken out of a form."""
    modelled = [(field, form_models(field), field.names()[0][0]) for field in fields]
    plain = [field for field, models, _ in modelled if not models]
    if len(fields) == 1 and plain and not embed and not is_embedded(fields):
        whole = _whole_body(fields[0])

        async def take_whole(form: FormData, arguments: dict[str, Any]) -> Errors | None:
            values = {alias: value async for alias, value, _ in form_body(plain, form)}
            return whole(values, arguments)

        return take_whole

    async def take(form: FormData, arguments: dict[str, Any]) -> Errors | None:
        found: dict[str, tuple[str, Any]] = {}
        if plain:
            async for alias, value, field in form_body(plain, form):
                if field is not None:
                    found[field.name] = (alias, value)
        errors: Errors = []
        for field, models, first_alias in modelled:
            if models:
                loc: Loc = ("body",)
                value = await form_model_value(field, models, form)
            else:
                alias, value = found.get(field.name, (first_alias, Undefined))
                loc = ("body", alias)
            result, field_errors = validated(field, value, loc)
            if field_errors:
                errors += field_errors
            else:
                arguments[field.name] = result
        return errors or None

    return take


def _whole_body(field: Field) -> BodyArguments:
    name = field.name
    validate = field.checker.validator.validate_python

    def take(body: Any, arguments: dict[str, Any]) -> Errors | None:
        if body is Undefined:
            arguments[name], errors = validated(field, Undefined, ("body",))
            return errors or None
        try:
            arguments[name] = validate(body, from_attributes=True)
        except ValidationError as error:
            return relocated(error, ("body",))
        return None

    return take


def _embedded_value(field: Field) -> BodyArguments:
    aliases = [alias for alias, _ in field.names()]
    name = field.name

    def take(body: Any, arguments: dict[str, Any]) -> Errors | None:
        loc: Loc = ("body", aliases[0])
        value: Any = Undefined
        if body is not Undefined and not isinstance(body, bytes):
            if not hasattr(body, "get"):
                # a list, a number or null where an object with this key was expected
                return [missing(loc)]
            for alias in aliases:
                value = body.get(alias, Undefined)
                if value is not Undefined:
                    loc = ("body", alias)
                    break
        result, errors = validated(field, value, loc)
        if errors:
            return errors
        arguments[name] = result
        return None

    return take


def _parsed_json(raw: bytes) -> Any:
    try:
        return from_json(raw)
    except ValueError:
        # the standard parser also reads UTF-16 and UTF-32, and its errors are the ones we report
        return _without_lone_surrogates(raw, json.loads(raw))


def _without_lone_surrogates(raw: bytes, value: Any) -> Any:
    # RFC 8259, section 8.2: half of a surrogate pair is no character. The standard parser lets it
    # through; then it fails wherever the text is encoded, in a reply or in a database driver.
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        text = raw.decode(json.detect_encoding(raw), "surrogatepass")
        found = _LONE_SURROGATE.search(text)
        raise json.JSONDecodeError(
            "Half of a surrogate pair is not a character", text, found.start() if found else 0
        ) from None
    return value


def _is_json(content_type: str | None, strict: bool) -> bool:
    if not content_type:
        return not strict
    if content_type == "application/json":
        return True
    message = email.message.Message()
    message["content-type"] = content_type
    if message.get_content_maintype() != "application":
        return False
    subtype = message.get_content_subtype()
    return subtype == "json" or subtype.endswith("+json")
