"""Renaming inside a document changes references, and nothing that only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from trivium.openapi.references import Renames

RENAMES = Renames(
    components={
        ("schemas", "Item"): "shop_Item",
        ("responses", "Item"): "shop_Response",
        ("securitySchemes", "login"): "shop_login",
    },
    operation_ids={"read": "shop_read"},
    path_prefix="/shop",
)
REF = "#/components/schemas/Item"
RENAMED = "#/components/schemas/shop_Item"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"$ref": REF}, {"$ref": RENAMED}),
        ({"items": [{"$ref": REF}]}, {"items": [{"$ref": RENAMED}]}),
        ({"$ref": f"{REF}/properties/a"}, {"$ref": f"{RENAMED}/properties/a"}),
        ({"$ref": "#/components/responses/Item"}, {"$ref": "#/components/responses/shop_Response"}),
        ({"$ref": "#/components/headers/Item"}, {"$ref": "#/components/headers/Item"}),
        ({"$ref": f"{REF}s"}, {"$ref": f"{REF}s"}),
        ({"$ref": "other.json#/Item"}, {"$ref": "other.json#/Item"}),
        ({"$ref": "#/paths/~1a/get"}, {"$ref": "#/paths/~1shop~1a/get"}),
        ({"operationRef": "#/paths/~1a/get"}, {"operationRef": "#/paths/~1shop~1a/get"}),
        ({"operationId": "read"}, {"operationId": "shop_read"}),
        ({"operationId": "write"}, {"operationId": "write"}),
        ({"security": [{"login": ["a"]}, {}]}, {"security": [{"shop_login": ["a"]}, {}]}),
        (
            {"discriminator": {"propertyName": "k", "mapping": {"a": REF, "b": "Item", "c": "X"}}},
            {
                "discriminator": {
                    "propertyName": "k",
                    "mapping": {"a": RENAMED, "b": "shop_Item", "c": "X"},
                }
            },
        ),
        (
            {"examples": {"one": {"$ref": REF}, "two": {"value": {"$ref": REF}}}},
            {"examples": {"one": {"$ref": RENAMED}, "two": {"value": {"$ref": REF}}}},
        ),
    ],
)
def test_a_reference_points_to_the_new_name(part: Any, expected: Any) -> None:
    assert RENAMES.rewritten(part) == expected


@pytest.mark.parametrize("keyword", ["default", "const", "example", "examples", "enum", "x-data"])
def test_data_is_not_searched_for_references(keyword: str) -> None:
    part = {keyword: [{"$ref": REF, "operationId": "read"}]}

    assert RENAMES.rewritten(part) == part


def test_a_property_may_be_named_like_a_keyword() -> None:
    schema = {
        "properties": {
            "default": {"$ref": REF},
            "operationId": {"type": "string"},
            "security": {"type": "array"},
            "properties": {"properties": {"example": {"$ref": REF}}},
            "discriminator": {"$ref": REF},
        }
    }

    assert RENAMES.rewritten(schema) == {
        "properties": {
            "default": {"$ref": RENAMED},
            "operationId": {"type": "string"},
            "security": {"type": "array"},
            "properties": {"properties": {"example": {"$ref": RENAMED}}},
            "discriminator": {"$ref": RENAMED},
        }
    }


def test_the_given_part_does_not_change() -> None:
    part = {"items": {"$ref": REF}}

    RENAMES.rewritten(part)

    assert part == {"items": {"$ref": REF}}
