"""The Content-Security-Policy of a documentation page names what the document can call."""

from __future__ import annotations

from typing import Any

import pytest

from tests.openapi.sites import document
from trivium.openapi.policy import content_security_policy


def connectable(**sections: Any) -> list[str]:
    directives = content_security_policy(document(**sections)).split("; ")
    (connect,) = [each for each in directives if each.startswith("connect-src ")]
    return connect.removeprefix("connect-src ").split(" ")


def test_nothing_is_allowed_from_elsewhere_and_nothing_inline() -> None:
    policy = content_security_policy()

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy


def test_a_relative_server_adds_nothing() -> None:
    assert connectable(servers=[{"url": "/v1"}]) == ["'self'"]


def test_servers_of_the_document_its_paths_and_operations_can_be_called() -> None:
    paths = {
        "/a": {
            "servers": [{"url": "http://two.example:8080"}],
            "get": {"servers": [{"url": "https://three.example/deep"}]},
        },
        "x-note": "no path item",
    }

    sources = connectable(servers=[{"url": "https://One.example/v1"}], paths=paths)

    assert sources == [
        "'self'",
        "http://two.example:8080",
        "https://one.example",
        "https://three.example",
    ]


def test_a_variable_of_the_host_takes_each_of_its_values() -> None:
    server = {
        "url": "https://{region}.example/{version}",
        "variables": {
            "region": {"default": "eu", "enum": ["eu", "us"]},
            "version": {"default": "v1", "enum": ["v1", "v2"]},
        },
    }

    assert connectable(servers=[server]) == ["'self'", "https://eu.example", "https://us.example"]


def test_the_servers_that_a_login_asks_for_tokens_can_be_called() -> None:
    schemes = {
        "login": {
            "type": "oauth2",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": "https://visited.example/authorize",
                    "tokenUrl": "https://token.example/token",
                    "refreshUrl": "https://refresh.example/",
                    "scopes": {},
                },
                "password": {"tokenUrl": "token", "scopes": {}},
            },
        },
        "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://oidc.example/.well-known"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    }

    assert connectable(components={"securitySchemes": schemes}) == [
        "'self'",
        "https://oidc.example",
        "https://refresh.example",
        "https://token.example",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example; script-src *",
        "https://a.example\r\nset-cookie: a=b",
        "https://*",
        "javascript:alert(1)",
        "https://'unsafe-inline'",
        "//a.example",
        "https://[bad",
    ],
)
def test_an_address_that_is_no_plain_origin_does_not_reach_the_header(url: str) -> None:
    assert connectable(servers=[{"url": url}]) == ["'self'"]


def test_a_page_adds_the_sources_that_it_needs() -> None:
    policy = content_security_policy(img_src=["blob:"], worker_src=["blob:"])

    assert "img-src 'self' data: blob:" in policy
    assert policy.endswith("worker-src blob:")
