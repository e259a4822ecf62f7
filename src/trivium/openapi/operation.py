"""One route becomes a Path Item Object: an operation for each of its methods."""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from trivium.binding.callables import name_of
from trivium.binding.fields import Field
from trivium.binding.params import Body
from trivium.errors import TriviumDeprecationWarning, stack_level_of_caller
from trivium.openapi.constants import METHODS_WITH_BODY
from trivium.openapi.described import DescribedRoute
from trivium.openapi.merging import merged
from trivium.openapi.refusal import UNPROCESSABLE, Refusal
from trivium.openapi.requirements import Requirements, describe_examples
from trivium.openapi.responses import Responses
from trivium.openapi.schemas import FieldMapping, Schemas
from trivium.routing import APIRoute, iter_route_contexts

__all__ = [
    "Operations",
    "described_routes",
    "generate_operation_id",
    "generate_operation_summary",
    "get_openapi_operation_metadata",
    "get_openapi_operation_request_body",
    "get_openapi_path",
]


class Operations:
    """Describes the routes of one document, and gathers the components that they refer to."""

    def __init__(
        self, schemas: Schemas, operation_ids: set[str], refusal: Refusal = UNPROCESSABLE
    ) -> None:
        self.security_schemes: dict[str, Any] = {}
        self.schemas: dict[str, Any] = {}
        self._field_schemas = schemas
        self._refusal = refusal
        self._operation_ids = operation_ids

    def path_item(self, route: DescribedRoute) -> dict[str, Any]:
        """The operations of a route by lower-case method; empty for one that is not shown.

        Warns of an operation id that the document has already.
        """
        if not route.include_in_schema:
            return {}
        requirements = Requirements.of(route.dependant)
        return {
            method.lower(): self._operation(route, method, requirements)
            for method in sorted(route.methods)
        }

    def _operation(
        self, route: DescribedRoute, method: str, requirements: Requirements
    ) -> dict[str, Any]:
        operation = get_openapi_operation_metadata(
            route=route, method=method, operation_ids=self._operation_ids
        )
        if requirements.scopes:
            operation["security"] = requirements.security
            self.security_schemes |= requirements.security_schemes
        if parameters := requirements.describe_parameters(self._field_schemas):
            operation["parameters"] = parameters
        if method in METHODS_WITH_BODY and route.body_field is not None:
            operation["requestBody"] = _request_body(route.body_field, self._field_schemas)
        if route.callbacks:
            operation["callbacks"] = self._callbacks(route.callbacks)
        operation["responses"] = self._responses(route, requirements)
        return merged(operation, route.openapi_extra) if route.openapi_extra else operation

    def _callbacks(self, callbacks: Iterable[Any]) -> dict[str, Any]:
        # What the client serves brings no components along, as in FastAPI: the models are there
        # already, and the security schemes would be offered as the server's own.
        called = Operations(self._field_schemas, self._operation_ids, self._refusal)
        return {
            callback.name: {callback.path: called.path_item(cast(DescribedRoute, callback))}
            for callback in callbacks
            if isinstance(callback, APIRoute)
        }

    def _responses(self, route: DescribedRoute, requirements: Requirements) -> dict[str, Any]:
        responses = Responses(route, self._field_schemas).describe()
        can_refuse = requirements.can_fail or route.body_field is not None
        if can_refuse and not self._refusal.is_declared_in(responses):
            responses[self._refusal.status] = self._refusal.response
            self.schemas |= self._refusal.components
        return responses


def described_routes(routes: Iterable[Any]) -> Iterator[DescribedRoute]:
    """The HTTP routes among ``routes``, those of included routers with their effective values."""
    for context in iter_route_contexts(list(routes)):
        if isinstance(context.original_route, APIRoute):
            yield cast(DescribedRoute, context)


def generate_operation_summary(*, route: DescribedRoute, method: str) -> str:
    """The declared summary, or the handler's name in words."""
    return route.summary or route.name.replace("_", " ").title()


def generate_operation_id(*, route: DescribedRoute, method: str) -> str:
    """The declared operation id, or one made of name, path and method.

    Deprecated: a route's ``unique_id`` is what the document uses. Warns on every call.
    """
    warnings.warn(
        "generate_operation_id() is deprecated and nothing uses it; read `route.unique_id`",
        category=TriviumDeprecationWarning,
        stacklevel=2,
    )
    identifier = re.sub(r"\W", "_", f"{route.name}{route.path_format}")
    return route.operation_id or f"{identifier}_{method.lower()}"


def get_openapi_operation_metadata(
    *, route: DescribedRoute, method: str, operation_ids: set[str]
) -> dict[str, Any]:
    """The part of an Operation Object that says what it is.

    Adds the operation id to ``operation_ids``, and warns if it was there already.
    """
    operation: dict[str, Any] = {"tags": list(route.tags)} if route.tags else {}
    operation["summary"] = generate_operation_summary(route=route, method=method)
    if route.description:
        operation["description"] = route.description
    operation["operationId"] = operation_id = route.operation_id or route.unique_id
    if operation_id in operation_ids:
        _warn_duplicate(operation_id, route.endpoint)
    operation_ids.add(operation_id)
    if route.deprecated:
        operation["deprecated"] = route.deprecated
    return operation


def get_openapi_operation_request_body(
    *,
    body_field: Field | None,
    model_name_map: Mapping[Any, str],
    field_mapping: FieldMapping,
    separate_input_output_schemas: bool = True,
) -> dict[str, Any] | None:
    """The Request Body Object of a body, ``None`` without one. ``model_name_map`` is not read."""
    if body_field is None:
        return None
    schemas = Schemas(field_mapping, separate_input_output=separate_input_output_schemas)
    return _request_body(body_field, schemas)


def get_openapi_path(
    *,
    route: DescribedRoute,
    operation_ids: set[str],
    model_name_map: Mapping[Any, str],
    field_mapping: FieldMapping,
    separate_input_output_schemas: bool = True,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The Path Item Object of a route, and the security schemes and schemas it refers to.

    ``field_mapping`` holds the schemas of the route's fields; ``model_name_map`` is not read.
    """
    schemas = Schemas(field_mapping, separate_input_output=separate_input_output_schemas)
    operations = Operations(schemas, operation_ids)
    return operations.path_item(route), operations.security_schemes, operations.schemas


def _request_body(body: Field, schemas: Schemas) -> dict[str, Any]:
    info = cast(Body, body.field_info)
    media = {"schema": schemas.of(body), **describe_examples(info)}
    required = {"required": True} if info.is_required() else {}
    return {**required, "content": {info.media_type: media}}


def _warn_duplicate(operation_id: str, endpoint: Any) -> None:
    message = f"Duplicate Operation ID {operation_id} for function {name_of(endpoint)}"
    file = getattr(endpoint, "__globals__", {}).get("__file__")
    warnings.warn(f"{message} at {file}" if file else message, stacklevel=stack_level_of_caller())
