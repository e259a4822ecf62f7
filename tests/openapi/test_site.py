"""The documentation site: complete without a network, under a strict policy, below any prefix."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from tests.openapi.sites import Documented, document, served
from trivium.openapi import cdn_docs_routes, docs_routes, document_route
from trivium.testing import TestClient

PAGES = ["/docs", "/redoc", "/docs/oauth2-redirect"]


@pytest.fixture
def client() -> TestClient:
    return TestClient(served(Documented()))


def addresses(html: str) -> list[str]:
    """What a browser loads for the page, as the page writes it."""
    found = re.findall(r'<(?:script src|link [^>]*href)="([^"]+)"', html)
    return [unescape(each) for each in found if not each.startswith("data:")]


def settings(html: str) -> dict[str, Any]:
    (data,) = re.findall(r'data-settings="([^"]*)"', html)
    return json.loads(unescape(data))  # type: ignore[no-any-return]  # the pages write an object


# -- The document ----------------------------------------------------------------------------------


def test_the_document_is_served_as_json(client: TestClient) -> None:
    assert client.get("/openapi.json").json() == document()


def test_a_root_path_is_the_first_server() -> None:
    schema = document(servers=[{"url": "https://a.example"}])

    reply = TestClient(served(Documented(schema)), root_path="/api").get("/openapi.json")

    assert reply.json()["servers"] == [{"url": "/api"}, {"url": "https://a.example"}]
    assert schema["servers"] == [{"url": "https://a.example"}]


@pytest.mark.parametrize(
    "documented",
    [
        Documented(document(servers=[{"url": "/api"}])),
        Documented(document(servers=[{"url": "/api"}]), root_path_in_servers=False),
    ],
)
def test_a_root_path_that_is_listed_or_not_wanted_is_not_added(documented: Documented) -> None:
    reply = TestClient(served(documented), root_path="/api").get("/openapi.json")

    assert reply.json()["servers"] == [{"url": "/api"}]


# -- What is turned on -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turned_off", "gone"),
    [
        ("openapi_url", ["/openapi.json", *PAGES, "/docs/assets/swagger-ui.css"]),
        ("docs_url", ["/docs", "/docs/oauth2-redirect", "/docs/assets/swagger-ui.css"]),
        ("redoc_url", ["/redoc", "/redoc/assets/redoc.standalone.js"]),
        ("swagger_ui_oauth2_redirect_url", ["/docs/oauth2-redirect"]),
    ],
)
def test_a_url_of_none_turns_its_page_off(turned_off: str, gone: list[str]) -> None:
    client = TestClient(served(Documented(**{turned_off: None})))

    assert {path: client.get(path).status_code for path in gone} == dict.fromkeys(gone, 404)
    others = {"/openapi.json", *PAGES} - set(gone)
    assert {path: client.get(path).status_code for path in others} == dict.fromkeys(others, 200)


@pytest.mark.parametrize("make", [docs_routes, cdn_docs_routes, document_route])
def test_no_route_of_the_site_is_in_the_document(make: Any) -> None:
    assert not any(route.include_in_schema for route in make(Documented()))


# -- The pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_only_what_its_own_application_serves(client: TestClient, path: str) -> None:
    loaded = addresses(client.get(path).text)

    statuses = {each: client.get(urljoin(path, each)).status_code for each in loaded}

    assert loaded
    assert set(statuses.values()) == {200}


@pytest.mark.parametrize("path", PAGES)
def test_everything_that_a_page_loads_may_be_kept(client: TestClient, path: str) -> None:
    loaded = addresses(client.get(path).text)

    headers = [client.get(urljoin(path, each)).headers["cache-control"] for each in loaded]

    assert all("immutable" in header for header in headers)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_script_and_no_style_inside(client: TestClient, path: str) -> None:
    html = client.get(path).text

    assert re.findall(r"<script(?![^>]* src=)", html) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", html) == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_sends_the_policy_that_it_works_under(client: TestClient, path: str) -> None:
    policy = client.get(path).headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy


def test_swagger_uis_policy_admits_the_servers_of_the_document() -> None:
    schema = document(servers=[{"url": "https://api.example/v1"}])

    reply = TestClient(served(Documented(schema))).get("/docs")

    assert "connect-src 'self' https://api.example;" in reply.headers["content-security-policy"]


def test_swagger_ui_is_given_the_settings_of_the_application() -> None:
    documented = Documented(
        swagger_ui_parameters={"deepLinking": False, "filter": "</script>\"'"},
        swagger_ui_init_oauth={"clientId": "me"},
    )

    given = settings(TestClient(served(documented)).get("/docs").text)

    assert given["initOAuth"] == {"clientId": "me"}
    assert given["parameters"]["deepLinking"] is False
    assert given["parameters"]["filter"] == "</script>\"'"
    assert given["parameters"]["layout"] == "BaseLayout"
    assert given["parameters"]["validatorUrl"] is None


def test_a_title_is_text_on_every_page() -> None:
    client = TestClient(served(Documented(title="</title><b>&")))

    for path in ("/docs", "/redoc"):
        assert "<title>&lt;/title&gt;&lt;b&gt;&amp; - " in client.get(path).text


# -- Where the site is -----------------------------------------------------------------------------


def everything_loads(client: httpx.Client, page: str, openapi: str) -> None:
    html = client.get(page).text
    given = settings(html)
    loaded = [*addresses(html), given["url"]]
    if "oauth2RedirectUrl" in given:
        loaded.append(given["oauth2RedirectUrl"])

    statuses = {each: client.get(urljoin(page, each)).status_code for each in loaded}

    assert statuses == dict.fromkeys(loaded, 200)
    assert urljoin(page, given["url"]) == openapi


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_site_works_in_a_mounted_application(page: str) -> None:
    outer = Starlette(routes=[Mount("/deep/down", app=served(Documented()))])

    everything_loads(TestClient(outer), f"/deep/down{page}", "/deep/down/openapi.json")


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_site_works_behind_a_proxy_that_cuts_a_prefix_off_and_says_nothing(page: str) -> None:
    site = served(Documented())

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/secret")
        await site({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    everything_loads(TestClient(proxy), f"/secret{page}", "/secret/openapi.json")


@pytest.mark.parametrize(
    "documented",
    [
        Documented(docs_url="/", redoc_url="/re", swagger_ui_oauth2_redirect_url="/back"),
        Documented(docs_url="/a/b/", redoc_url="/c:d", openapi_url="/e/f:g.json"),
        Documented(docs_url="/x", redoc_url="/x/y", openapi_url="/x/o"),
    ],
)
def test_the_site_works_at_any_urls(documented: Documented) -> None:
    client = TestClient(served(documented))

    for page in (documented.docs_url, documented.redoc_url):
        everything_loads(client, str(page), str(documented.openapi_url))


def test_a_page_at_the_root_leaves_the_paths_below_it_alone() -> None:
    users = Route("/assets/mine.css", lambda request: PlainTextResponse("mine"))
    client = TestClient(served(Documented(docs_url="/"), users))

    assert client.get("/assets/mine.css").text == "mine"


# -- FastAPI's pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("root_path", ["", "/api"])
def test_fastapis_pages_carry_the_root_path_in_their_addresses(root_path: str) -> None:
    app = Starlette(routes=list(cdn_docs_routes(Documented(swagger_ui_init_oauth={"a": "b"}))))
    client = TestClient(app, root_path=root_path)

    swagger_ui, redoc = client.get("/docs").text, client.get("/redoc").text

    assert f"url: '{root_path}/openapi.json'" in swagger_ui
    assert f"window.location.origin + '{root_path}/docs/oauth2-redirect'" in swagger_ui
    assert 'ui.initOAuth({"a": "b"})' in swagger_ui
    assert f'spec-url="{root_path}/openapi.json"' in redoc
    assert "swaggerUIRedirectOauth2" in client.get("/docs/oauth2-redirect").text


@pytest.mark.parametrize(
    ("turned_off", "paths"),
    [
        ({"openapi_url": None}, []),
        ({"docs_url": None}, ["/redoc"]),
        ({"redoc_url": None}, ["/docs", "/docs/oauth2-redirect"]),
        ({"swagger_ui_oauth2_redirect_url": None}, ["/docs", "/redoc"]),
    ],
)
def test_fastapis_pages_are_turned_off_in_the_same_way(
    turned_off: dict[str, None], paths: list[str]
) -> None:
    routes = cdn_docs_routes(Documented(**turned_off))  # type: ignore[arg-type]  # urls by name

    assert [route.path for route in routes] == paths
