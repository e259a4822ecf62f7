"""Headers for browsers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stages.conftest import Entrance
from trivium import App, Request, Response
from trivium.errors import DeclarationError
from trivium.responding import HTMLResponse, StreamingResponse
from trivium.stages.proxies import TrustedProxies
from trivium.stages.security_headers import SecurityHeaders, csp_nonce
from trivium.testing import TestClient


def make_app(**options: Any) -> App:
    app = App()
    app.add_stage(SecurityHeaders(**options), TrustedProxies(["127.0.0.1"]))

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    @app.get("/own")
    async def own() -> Response:
        return Response(headers={"content-security-policy": "default-src *"})

    @app.get("/page")
    async def page(request: Request) -> HTMLResponse:
        nonce = csp_nonce(request)
        return HTMLResponse(f"<script nonce='{nonce}'></script>{csp_nonce(request)}")

    @app.get("/text", response_class=HTMLResponse)
    async def text(request: Request) -> str:
        nonce = csp_nonce(request)
        return f"<script nonce='{nonce}'></script>{csp_nonce(request)}"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> Any:
            yield b"one"

        return StreamingResponse(pieces())

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("broken")

    return app


@pytest.mark.parametrize("path", ["/hello", "/stream", "/broken", "/nowhere"])
def test_every_reply_tells_a_browser_what_it_may_do(entrance: Entrance, path: str) -> None:
    with entrance(make_app()) as client:
        headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_what_a_reply_says_itself_is_kept(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        headers = client.get("/own").headers

    assert headers.get_list("content-security-policy") == ["default-src *"]
    assert headers["x-content-type-options"] == "nosniff"


def test_browsers_are_told_to_stay_with_https_where_they_came_by_it(entrance: Entrance) -> None:
    secure = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}
    with entrance(make_app(hsts=60, hsts_subdomains=True)) as client:
        by_http, by_https = client.get("/hello"), client.get("/hello", headers=secure)

    assert "strict-transport-security" not in by_http.headers
    assert by_https.headers["strict-transport-security"] == "max-age=60; includeSubDomains"


@pytest.mark.parametrize("path", ["/page", "/text"])
def test_a_page_may_run_the_scripts_that_carry_its_nonce(entrance: Entrance, path: str) -> None:
    with entrance(make_app()) as client:
        first, second = client.get(path), client.get(path)

    nonce = first.text.split("'")[1]
    policy = first.headers["content-security-policy"]
    assert f"script-src 'self' 'nonce-{nonce}'" in policy
    assert f"style-src 'self' 'nonce-{nonce}'" in policy
    assert first.text.endswith(nonce)
    assert nonce not in second.text


def test_the_documentation_keeps_the_policy_that_it_needs(entrance: Entrance) -> None:
    with entrance(make_app(popups=["/docs"])) as client:
        headers = client.get("/docs").headers

    assert "script-src 'self'" in headers["content-security-policy"]
    assert headers["cross-origin-opener-policy"] == "unsafe-none"


def test_a_path_may_be_without_a_policy_of_content() -> None:
    reply = TestClient(make_app(without_policy=["/hello"])).get("/hello")

    assert reply.headers["content-security-policy"] == "frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("policy", "written"),
    [
        ("default-src 'none'", "default-src 'none'"),
        ({"default-src": ["'self'"], "sandbox": []}, "default-src 'self'; sandbox"),
        (None, None),
        ("", None),
    ],
)
def test_the_policy_of_content_can_be_chosen(policy: Any, written: str | None) -> None:
    reply = TestClient(make_app(content_policy=policy)).get("/hello")

    assert reply.headers.get("content-security-policy") == written


def test_headers_can_be_left_out() -> None:
    reply = TestClient(make_app(permissions=None, opener=None, resource=None, hsts=0)).get(
        "/hello", headers={"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
    )

    assert not {
        "permissions-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "strict-transport-security",
    } & set(reply.headers)


def test_a_value_that_would_break_the_header_is_refused() -> None:
    with pytest.raises(DeclarationError, match="one line of ASCII"):
        SecurityHeaders(content_policy="default-src 'self'\r\nset-cookie: a=b")
