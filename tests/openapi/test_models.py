"""The objects of OpenAPI: what they take, what they dump, and that they are FastAPI's."""

from __future__ import annotations

from typing import Any

import fastapi.openapi.models as real
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from trivium.openapi import models

NAMES = sorted(models.__all__)
OBJECTS = [
    name
    for name in NAMES
    if isinstance(getattr(models, name), type) and issubclass(getattr(models, name), BaseModel)
]


def dumped(model: BaseModel) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def test_every_name_of_fastapis_module_is_here() -> None:
    theirs = {
        name
        for name, value in vars(real).items()
        if getattr(value, "__module__", None) == real.__name__
    }

    assert theirs | {"SchemaType", "SchemaOrBool", "SecurityScheme"} <= set(NAMES) | {"EmailStr"}


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_has_the_fields_of_fastapis_in_the_same_order(name: str) -> None:
    ours, theirs = getattr(models, name), getattr(real, name)

    def shape(model: type[BaseModel]) -> list[tuple[str, str | None, bool]]:
        fields = model.model_fields.items()
        return [(key, info.alias, info.is_required()) for key, info in fields]

    assert shape(ours) == shape(theirs)
    assert ours.model_config.get("extra") == theirs.model_config.get("extra")


WHOLE: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "T",
        "version": "1",
        "contact": {"name": "n", "url": "https://a.example/", "email": "a@b.example"},
        "license": {"name": "MIT", "identifier": "MIT"},
        "x-logo": {"url": "l"},
    },
    "servers": [{"url": "/v{n}", "variables": {"n": {"default": "1", "enum": ["1", "2"]}}}],
    "paths": {
        "/a": {
            "get": {
                "operationId": "a",
                "parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}],
                "responses": {
                    "200": {
                        "description": "ok",
                        "headers": {"X-A": {"schema": {"$ref": "#/components/schemas/A"}}},
                        "content": {"text/event-stream": {"itemSchema": {"type": "object"}}},
                        "links": {"next": {"operationId": "a", "parameters": {"q": "$url"}}},
                    }
                },
                "callbacks": {"c": {"{$url}": {"post": {"responses": {}}}}},
                "security": [{"key": []}],
            },
            "x-rate": 3,
        }
    },
    "components": {
        "schemas": {
            "A": {
                "$id": "a",
                "type": ["object", "null"],
                "properties": {"if": {"const": 1}, "s": True},
                "if": {"required": ["s"]},
                "not": False,
                "dependentRequired": {"s": ["if"]},
                "discriminator": {"propertyName": "s", "mapping": {"x": "A"}},
                "x-more": [1],
            }
        },
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "login": {"type": "oauth2", "flows": {"password": {"tokenUrl": "/t", "scopes": {}}}},
            "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://a.example/oidc"},
        },
    },
    "tags": [{"name": "a", "externalDocs": {"url": "https://a.example/"}}],
}


def test_a_document_is_dumped_as_it_was_given() -> None:
    assert dumped(models.OpenAPI.model_validate(WHOLE)) == WHOLE


def test_a_document_is_dumped_as_fastapi_dumps_it() -> None:
    ours = models.OpenAPI.model_validate(WHOLE)
    theirs = real.OpenAPI.model_validate(WHOLE)

    assert dumped(ours) == dumped(theirs)
    assert list(dumped(ours)) == list(dumped(theirs))


def test_what_json_schema_takes_for_a_set_keeps_its_order() -> None:
    names = [f"n{number}" for number in range(20)]

    schema = models.Schema.model_validate({"dependentRequired": {"a": names}})

    assert dumped(schema) == {"dependentRequired": {"a": names}}


@pytest.mark.parametrize("kind", ["array", ["string", "null"], None])
def test_a_schema_has_one_type_or_several_or_none(kind: Any) -> None:
    assert models.Schema(type=kind).type == kind


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("Schema", {"type": "text"}),
        ("Schema", {"minLength": -1}),
        ("Info", {"title": "no version"}),
        ("Contact", {"email": "nobody"}),
        ("Contact", {"url": "not a url"}),
        ("ServerVariable", {"default": "a", "enum": []}),
        ("OAuthFlowAuthorizationCode", {"tokenUrl": "/t"}),
        ("Parameter", {"name": "q", "in": "body"}),
    ],
)
def test_what_openapi_does_not_allow_is_refused(name: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        getattr(models, name).model_validate(wrong)


@pytest.mark.parametrize("scheme", WHOLE["components"]["securitySchemes"].values())
def test_a_security_scheme_is_recognised_by_its_properties(scheme: dict[str, Any]) -> None:
    ours = TypeAdapter(models.SecurityScheme).validate_python(scheme)
    theirs = TypeAdapter(real.SecurityScheme).validate_python(scheme)

    assert type(ours).__name__ == type(theirs).__name__
    assert dumped(ours) == scheme


def test_an_address_is_taken_as_written_where_nothing_can_check_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "find_spec", lambda name: None)

    assert models.Contact(email="nobody").email == "nobody"
