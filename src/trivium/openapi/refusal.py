"""How the document describes the answer to a request that does not fit its declaration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trivium.openapi.constants import REF_PREFIX

__all__ = [
    "UNPROCESSABLE",
    "Refusal",
    "validation_error_definition",
    "validation_error_response_definition",
]

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

    An application that answers otherwise describes its own, so that the document stays true.
    """

    status: str
    """The status code, three digits."""
    description: str
    media_type: str
    schema: Mapping[str, Any]
    """The schema of the body, most often a reference to one of ``components``."""
    components: Mapping[str, Mapping[str, Any]]
    """The schemas that ``schema`` refers to, by name."""

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
