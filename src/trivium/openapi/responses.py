"""What an operation answers: the Responses Object."""

import copy
import http.client
import inspect
from typing import Any

from starlette.responses import JSONResponse, Response

from trivium.binding.annotations import is_subclass
from trivium.binding.defaults import DefaultPlaceholder
from trivium.errors import DeclarationError
from trivium.openapi.described import DescribedRoute
from trivium.openapi.merging import merged
from trivium.openapi.schemas import Schemas
from trivium.responding.reply import allows_body

__all__ = ["Responses", "status_code_ranges"]

status_code_ranges: dict[str, str] = {
    "1XX": "Information",
    "2XX": "Success",
    "3XX": "Redirection",
    "4XX": "Client Error",
    "5XX": "Server Error",
    "DEFAULT": "Default Response",
}
"""What the ranges of status codes, and the answer for all others, are called."""

_SERVER_SENT_EVENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "data": {"type": "string"},
        "event": {"type": "string"},
        "id": {"type": "string"},
        "retry": {"type": "integer", "minimum": 0},
    },
}


class Responses:
    """The answers that one route declares: its own, and those of ``responses=``."""

    def __init__(self, route: DescribedRoute, schemas: Schemas) -> None:
        self._route = route
        self._schemas = schemas
        self._response_class = _response_class(route)

    def describe(self) -> dict[str, Any]:
        """The Responses Object.

        Raises ``ValueError`` for a key of ``responses=`` that is no status code.
        """
        responses = {self._own_status: self._own()}
        for status, declared in self._route.responses.items():
            key = _key_of(status)
            responses[key] = self._declared(status, declared, responses.get(key, {}))
        return responses

    @property
    def _own_status(self) -> str:
        if self._route.status_code is not None:
            return str(int(self._route.status_code))
        # A response class may have a status of its own: a redirect's is 307.
        parameters = inspect.signature(self._response_class.__init__).parameters
        default = parameters["status_code"].default if "status_code" in parameters else None
        return str(int(default)) if isinstance(default, int) else "200"

    def _own(self) -> dict[str, Any]:
        response: dict[str, Any] = {"description": self._route.response_description}
        if allows_body(self._route.status_code) and (content := self._own_content()):
            response["content"] = content
        return response

    def _own_content(self) -> dict[str, Any]:
        route = self._route
        if route.is_json_stream:
            return {"application/jsonl": {"itemSchema": self._schema(route.stream_item_field)}}
        if route.is_sse_stream:
            return {"text/event-stream": {"itemSchema": self._event()}}
        media_type = self._response_class.media_type
        if not media_type:
            return {}
        if not is_subclass(self._response_class, JSONResponse):
            return {media_type: {"schema": {"type": "string"}}}
        return {media_type: {"schema": self._schema(route.response_field)}}

    def _event(self) -> dict[str, Any]:
        if self._route.stream_item_field is None:
            return _SERVER_SENT_EVENT
        data = {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": self._schema(self._route.stream_item_field),
        }
        return merged(_SERVER_SENT_EVENT, {"required": ["data"], "properties": {"data": data}})

    def _declared(
        self, status: int | str, declared: Any, present: dict[str, Any]
    ) -> dict[str, Any]:
        phrase = _phrase_of(status)
        described = {key: copy.deepcopy(value) for key, value in declared.items() if key != "model"}
        field = self._route.response_fields.get(status)
        if field is not None:
            media_type = self._response_class.media_type or "application/json"
            content = {media_type: {"schema": self._schemas.of(field)}}
            described = merged(described, {"content": content})
        description = described.get("description") or present.get("description") or phrase
        return {**merged(present, described), "description": description}

    def _schema(self, field: Any) -> dict[str, Any]:
        return self._schemas.of(field) if field else {}


def _response_class(route: DescribedRoute) -> type[Response]:
    declared: Any = route.response_class
    if isinstance(declared, DefaultPlaceholder):
        declared = declared.value
    if not declared:
        raise DeclarationError(
            "A response class is needed to generate OpenAPI",
            written=f"response_class={declared!r}",
            instead="response_class=JSONResponse",
        )
    return declared  # type: ignore[no-any-return]  # the placeholder is not generic


def _key_of(status: int | str) -> str:
    key = str(status).upper()
    return "default" if key == "DEFAULT" else key


def _phrase_of(status: int | str) -> str:
    known = status_code_ranges.get(str(status).upper())
    return known or http.client.responses.get(int(status)) or "Additional Response"
