"""How large a request may be: the body as a whole, and the parts of a form."""

from typing import Annotated

import pydantic
from pydantic import ConfigDict, NonNegativeInt
from starlette.exceptions import HTTPException
from starlette.middleware import body_limit as starlette_limit
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY, RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import Doc, TypedDict

from trivium.errors import DeclarationError

__all__ = [
    "TOO_LARGE",
    "BodyTooLarge",
    "FormLimits",
    "checked_body_size",
    "checked_form_limits",
    "first_given",
    "limit_error",
    "limited",
]


class FormLimits(TypedDict, total=False):
    """How much of a form is accepted; more than that is answered with 400."""

    max_fields: Annotated[NonNegativeInt, Doc("Most fields that are not files.")]
    max_files: Annotated[NonNegativeInt, Doc("Most files in a multipart form.")]
    max_part_size: Annotated[NonNegativeInt, Doc("Most bytes of a field that is not a file.")]


# As with_config() does it, which imports all that makes models.
_STRICT = ConfigDict(strict=True, extra="forbid")
FormLimits.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]  # read by Pydantic

# Starlette signals with exceptions that have no public name; without them nothing is translated.
_SENT: type[Exception] | None = getattr(starlette_limit, "_RequestBodyLimitResponseSent", None)
_TOO_LARGE: type[Exception] | None = getattr(starlette_limit, "_RequestBodyTooLarge", None)
_SIGNALS = tuple(signal for signal in (_TOO_LARGE, _SENT) if signal is not None)


def checked_form_limits(limits: FormLimits | None) -> FormLimits:
    """The limits, none where none are given. Raises pydantic.ValidationError for unknown ones."""
    if limits is None:
        return FormLimits()
    return pydantic.TypeAdapter(FormLimits).validate_python(limits)


def checked_body_size(size: int | None) -> int | None:
    """The size in bytes. Raises ValueError unless it is None, zero or a positive integer."""
    # True is an integer to Python, and never what was meant
    if size is not None and (type(size) is not int or size < 0):
        raise BodySizeError(
            "max_body_size must be a non-negative integer or None",
            written=f"max_body_size={size!r}",
            instead="max_body_size=1024 * 1024",
        )
    return size


TOO_LARGE = "The body of the request is too large"


class BodyTooLarge(HTTPException):
    """The body went over the limit of the whole application while it was read."""

    def __init__(self) -> None:
        super().__init__(status_code=413, detail=TOO_LARGE)


class BodySizeError(DeclarationError, ValueError):
    """A body size that is none; also a ValueError, which is what FastAPI raises."""


def first_given(*sizes: int | None) -> int | None:
    """The nearest limit that was set; zero counts as set."""
    return next((size for size in sizes if size is not None), None)


def limited(app: ASGIApp, size: int | None) -> ASGIApp:
    """The application behind a limit of ``size`` bytes; 413 beyond it."""
    if size is None:
        return app
    return RequestBodyLimitMiddleware(_Ungrouped(app), max_body_size=size)


def limit_error(scope: Scope, error: Exception) -> Exception | None:
    """Starlette's signal that the body was too large, if that is what ``error`` is."""
    if MAX_BODY_SIZE_SCOPE_KEY not in scope:
        return None
    return _signal_in(error)


class _Ungrouped:
    """Takes the signal out of the groups that task groups wrap it in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except ExceptionGroup as group:
            signal = _signal_in(group) if scope["type"] == "http" else None
            if signal is None:
                raise
            raise signal from group


def _signal_in(error: Exception) -> Exception | None:
    if isinstance(error, ExceptionGroup):
        # only a group of nothing else: another failure must not be hidden behind the limit
        _, others = error.split(_SIGNALS)
        if others is not None:
            return None
        already_sent = error.subgroup(_SENT) if _SENT is not None else None
        error = already_sent or error
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
    return error if isinstance(error, _SIGNALS) else None
