"""The OpenAPI document of a set of routes."""

from collections.abc import Iterable, Sequence
from typing import Any

from trivium.binding.dependant import flat_parameters
from trivium.binding.fields import Field
from trivium.openapi.described import DescribedRoute
from trivium.openapi.models import OpenAPI
from trivium.openapi.operation import Operations, described_routes
from trivium.openapi.refusal import UNPROCESSABLE, Refusal
from trivium.openapi.schemas import Schemas
from trivium.responding.encoders import jsonable_encoder

__all__ = ["Document", "get_fields_from_routes", "get_openapi"]


class Document:
    """What the routes and webhooks of an application say, section by section.

    ``refusal`` is what the application answers to a request that does not fit its declaration.
    """

    def __init__(
        self,
        routes: Iterable[Any],
        webhooks: Iterable[Any] = (),
        *,
        separate_input_output: bool = True,
        refusal: Refusal = UNPROCESSABLE,
    ) -> None:
        described, hooks = list(described_routes(routes)), list(described_routes(webhooks))
        fields = _fields([*described, *hooks])
        if refusal.field is not None:
            fields.append(refusal.field)
        schemas = Schemas.of_fields(fields, separate_input_output=separate_input_output)
        if refusal.field is not None:
            refusal = refusal.described_by(schemas.of(refusal.field))
        operations = Operations(schemas, set(), refusal)
        self.paths = _path_items(described, operations)
        self.webhooks = _path_items(hooks, operations)
        self.components = _components(schemas, operations)


def get_openapi(
    *,
    title: str,
    version: str,
    openapi_version: str = "3.1.0",
    summary: str | None = None,
    description: str | None = None,
    routes: Sequence[Any],
    webhooks: Sequence[Any] | None = None,
    tags: list[dict[str, Any]] | None = None,
    servers: list[dict[str, str | Any]] | None = None,
    terms_of_service: str | None = None,
    contact: dict[str, str | Any] | None = None,
    license_info: dict[str, str | Any] | None = None,
    separate_input_output_schemas: bool = True,
    external_docs: dict[str, Any] | None = None,
    refusal: Refusal = UNPROCESSABLE,
) -> dict[str, Any]:
    """The OpenAPI document of ``routes`` and ``webhooks``, as JSON-compatible values.

    ``routes`` may be routes, included routers, or what ``iter_route_contexts`` yields; what is
    no HTTP route of the framework is left out. ``title`` and ``version`` are the API's own,
    ``refusal`` is what the application answers to a request that does not fit its declaration.

    Raises Pydantic's ``ValidationError`` for a part that OpenAPI does not allow, and
    ``PydanticInvalidForJsonSchema`` for a type that has no JSON Schema.
    """
    document = Document(
        routes,
        webhooks or (),
        separate_input_output=separate_input_output_schemas,
        refusal=refusal,
    )
    info = {
        "title": title,
        "version": version,
        "summary": summary,
        "description": description,
        "termsOfService": terms_of_service,
        "contact": contact,
        "license": license_info,
    }
    sections = {
        "servers": servers,
        "components": document.components,
        "webhooks": document.webhooks,
        "tags": tags,
        "externalDocs": external_docs,
    }
    model = OpenAPI.model_validate(
        {
            "openapi": openapi_version,
            "info": {"title": title, "version": version, **_given(info)},
            "paths": document.paths,
            **_given(sections),
        }
    )
    return jsonable_encoder(model, by_alias=True, exclude_none=True)  # type: ignore[no-any-return]  # an object stays a dict


def get_fields_from_routes(routes: Sequence[Any]) -> list[Field]:
    """Every field that the document of ``routes`` needs the schema of."""
    return _fields(described_routes(routes))


def _fields(routes: Iterable[DescribedRoute]) -> list[Field]:
    # Where two models share a name, the order decides which of them is numbered first.
    callbacks: list[Field] = []
    bodies: list[Field] = []
    responses: list[Field] = []
    parameters: list[Field] = []
    for route in routes:
        if not route.include_in_schema:
            continue
        if route.body_field is not None:
            bodies.append(route.body_field)
        if route.response_field is not None:
            responses.append(route.response_field)
        responses.extend(route.response_fields.values())
        if route.stream_item_field is not None:
            responses.append(route.stream_item_field)
        callbacks.extend(get_fields_from_routes(route.callbacks or ()))
        parameters.extend(flat_parameters(route.dependant))
    return [*callbacks, *bodies, *responses, *parameters]


def _path_items(routes: Iterable[DescribedRoute], operations: Operations) -> dict[str, Any]:
    items: dict[str, Any] = {}
    for route in routes:
        if item := operations.path_item(route):
            items.setdefault(route.path_format, {}).update(item)
    return items


def _components(schemas: Schemas, operations: Operations) -> dict[str, Any]:
    by_name = schemas.components | operations.schemas
    return _given(
        {
            "schemas": {name: by_name[name] for name in sorted(by_name)},
            "securitySchemes": operations.security_schemes,
        }
    )


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}
