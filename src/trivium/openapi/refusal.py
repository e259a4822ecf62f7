"""The answer to a request that does not fit its declaration: how it is made, and described."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from pydantic.fields import FieldInfo
from starlette._utils import is_async_callable
from starlette.requests import Request
from starlette.responses import Response

from trivium.binding.fields import Field
from trivium.errors import RequestValidationError
from trivium.openapi.constants import REF_PREFIX
from trivium.threads import in_thread

__all__ = [
    "UNPROCESSABLE",
    "Answer",
    "Refusal",
    "validation_error_definition",
    "validation_error_response_definition",
]

Answer: TypeAlias = Callable[[Request, RequestValidationError], Awaitable[Response]]

validation_error_definition: dict[str, Any] = {
    "title": "ValidationError",
    "type": "object",
    "properties": {
        "loc": {
            "title": "Location",
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        },
        "msg": {"title": "Message", "type": "string"},
        "type": {"title": "Error Type", "type": "string"},
        "input": {"title": "Input"},
        "ctx": {"title": "Context", "type": "object"},
    },
    "required": ["loc", "msg", "type"],
}
"""The schema of one error: where, what, and which kind."""

validation_error_response_definition: dict[str, Any] = {
    "title": "HTTPValidationError",
    "type": "object",
    "properties": {
        "detail": {
            "title": "Detail",
            "type": "array",
            "items": {"$ref": f"{REF_PREFIX}ValidationError"},
        }
    },
}
"""The schema of the answer that lists the errors."""


@dataclass(frozen=True)
class Refusal:
    """The answer that every operation gives to a request it cannot read.

    An application that answers otherwise says how in one place, and the document stays true::

        def problem(request: Request, error: RequestValidationError) -> Problem: ...

        app = App(refusal=Refusal.answering(problem, status=400, model=Problem))
    """

    status: str
    """The status code, three digits."""
    description: str
    media_type: str
    schema: Mapping[str, Any]
    """The schema of the body, most often a reference to one of ``components``."""
    components: Mapping[str, Mapping[str, Any]]
    """The schemas that ``schema`` refers to, by name."""
    answer: Answer | None = None
    """Makes the response; None leaves that to the exception handler of the application."""
    field: Field | None = None
    """The body's declaration, which ``schema`` and ``components`` are made from in the document."""

    @classmethod
    def answering(
        cls,
        make: Callable[[Request, RequestValidationError], Any],
        *,
        model: Any,
        status: int = 422,
        media_type: str = "application/json",
        description: str = "Validation Error",
    ) -> "Refusal":
        """A refusal whose body ``make`` makes of the errors, an instance of ``model``.

        make: a coroutine function, or a function that is called in a worker thread. It may return
            a response of its own.
        """
        field = Field(FieldInfo(annotation=model), name="refusal", mode="serialization")
        answer = partial(_answer, make, field, status, media_type)
        return cls(str(status), description, media_type, {}, {}, answer, field)

    def described_by(self, schema: Mapping[str, Any]) -> "Refusal":
        """The same with the schema that a document has for ``field``."""
        return replace(self, schema=schema)

    @property
    def response(self) -> dict[str, Any]:
        """The Response Object."""
        content = {self.media_type: {"schema": dict(self.schema)}}
        return {"description": self.description, "content": content}

    def is_declared_in(self, responses: Mapping[str, Any]) -> bool:
        """Whether the operation says itself what it answers: by status, by range or for all."""
        return not responses.keys().isdisjoint({self.status, f"{self.status[0]}XX", "default"})


UNPROCESSABLE = Refusal(
    status="422",
    description="Validation Error",
    media_type="application/json",
    schema={"$ref": f"{REF_PREFIX}HTTPValidationError"},
    components={
        "ValidationError": validation_error_definition,
        "HTTPValidationError": validation_error_response_definition,
    },
)
"""The 422 that lists Pydantic's errors."""


async def _answer(
    make: Callable[[Request, RequestValidationError], Any],
    field: Field,
    status: int,
    media_type: str,
    request: Request,
    error: RequestValidationError,
) -> Response:
    if is_async_callable(make):
        made = await make(request, error)
    else:
        made = await in_thread(make, request, error)
    if isinstance(made, Response):
        return made
    return Response(field.serialize_json(made), status, media_type=media_type)
