"""The documentation site of an application: its document, and the pages that show it.

The routes alone: a page is imported when it is first asked for, and most processes never are.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trivium.openapi.constants import FILES

__all__ = ["DocumentedApp", "cdn_docs_routes", "docs_routes", "document_route"]

_SWAGGER_UI = (
    "swagger-ui.css",
    "page.css",
    "swagger-ui-bundle.js",
    "swagger-ui.init.js",
    "favicon.svg",
)
_REDOC = ("page.css", "redoc.standalone.js", "redoc.init.js", "favicon.svg")
_OAUTH2_REDIRECT = ("oauth2-redirect.js",)


class DocumentedApp(Protocol):
    """What an application says of its documentation; URLs are paths below its root path.

    A URL of ``None`` turns its page off, and without ``openapi_url`` there are no pages at all.
    """

    title: str
    openapi_url: str | None
    docs_url: str | None
    redoc_url: str | None
    swagger_ui_oauth2_redirect_url: str | None
    swagger_ui_init_oauth: dict[str, Any] | None
    swagger_ui_parameters: dict[str, Any] | None
    root_path_in_servers: bool

    def openapi(self) -> dict[str, Any]: ...


def document_route(app: DocumentedApp) -> list[Route]:
    """The route that serves the document as JSON; none for an application without one."""
    if not app.openapi_url:
        return []

    async def openapi(request: Request) -> Response:
        document = app.openapi()
        root_path = _root_path(request)
        servers = document.get("servers", [])
        is_listed = root_path in {server.get("url") for server in servers}
        if root_path and app.root_path_in_servers and not is_listed:
            # Where a proxy cuts a prefix off, clients have to add it.
            document = {**document, "servers": [{"url": root_path}, *servers]}
        return JSONResponse(document)

    return [_hidden_route(app.openapi_url, openapi)]


def docs_routes(app: DocumentedApp) -> list[Route]:
    """The routes of Swagger UI, Redoc and all that they load, none of it from elsewhere.

    Each page's files are served below the page's own URL, in ``assets/``.
    """
    if not app.openapi_url:
        return []
    routes: list[Route] = []
    if app.docs_url:
        routes += _swagger_ui_routes(app, app.openapi_url, app.docs_url)
        if app.swagger_ui_oauth2_redirect_url:
            routes += _oauth2_redirect_routes(app.swagger_ui_oauth2_redirect_url)
    if app.redoc_url:
        routes += _redoc_routes(app, app.openapi_url, app.redoc_url)
    return routes


def cdn_docs_routes(app: DocumentedApp) -> list[Route]:
    """The routes of the pages as FastAPI serves them, which load their scripts from a CDN."""
    from trivium.openapi.pages import (
        get_redoc_html,
        get_swagger_ui_html,
        get_swagger_ui_oauth2_redirect_html,
    )

    openapi_url, redirect_url = app.openapi_url, app.swagger_ui_oauth2_redirect_url
    routes: list[Route] = []

    async def swagger_ui_html(request: Request) -> Response:
        root_path = _root_path(request)
        return get_swagger_ui_html(
            openapi_url=f"{root_path}{openapi_url}",
            title=f"{app.title} - Swagger UI",
            oauth2_redirect_url=f"{root_path}{redirect_url}" if redirect_url else None,
            init_oauth=app.swagger_ui_init_oauth,
            swagger_ui_parameters=app.swagger_ui_parameters,
        )

    async def swagger_ui_redirect(request: Request) -> Response:
        return get_swagger_ui_oauth2_redirect_html()

    async def redoc_html(request: Request) -> Response:
        document_url = f"{_root_path(request)}{openapi_url}"
        return get_redoc_html(openapi_url=document_url, title=f"{app.title} - ReDoc")

    if openapi_url and app.docs_url:
        routes.append(_hidden_route(app.docs_url, swagger_ui_html))
        if redirect_url:
            routes.append(_hidden_route(redirect_url, swagger_ui_redirect))
    if openapi_url and app.redoc_url:
        routes.append(_hidden_route(app.redoc_url, redoc_html))
    return routes


def _swagger_ui_routes(app: DocumentedApp, openapi_url: str, docs_url: str) -> list[Route]:
    redirect_url = app.swagger_ui_oauth2_redirect_url

    async def swagger_ui_html(request: Request) -> Response:
        from trivium.openapi.own_pages import swagger_ui_page

        return swagger_ui_page(app, docs_url, openapi_url, redirect_url)

    return _page_routes(docs_url, swagger_ui_html, _SWAGGER_UI)


def _oauth2_redirect_routes(redirect_url: str) -> list[Route]:
    async def swagger_ui_redirect(request: Request) -> Response:
        from trivium.openapi.own_pages import oauth2_redirect_page

        return oauth2_redirect_page(redirect_url)

    return _page_routes(redirect_url, swagger_ui_redirect, _OAUTH2_REDIRECT)


def _redoc_routes(app: DocumentedApp, openapi_url: str, redoc_url: str) -> list[Route]:
    async def redoc_html(request: Request) -> Response:
        from trivium.openapi.own_pages import redoc_page

        return redoc_page(app, redoc_url, openapi_url)

    return _page_routes(redoc_url, redoc_html, _REDOC)


def _page_routes(url: str, endpoint: Callable[..., Any], files: Sequence[str]) -> list[Route]:
    """The route of a page, answered by ``endpoint``, and one for each of its files."""
    below = f"{url.rstrip('/')}/{FILES}"
    return [
        _hidden_route(url, endpoint),
        *(_hidden_route(f"{below}/{name}", _file(name)) for name in files),
    ]


def _file(name: str) -> Callable[..., Any]:
    def serve(request: Request) -> Response:
        # Not a coroutine: the first call reads and compresses the file, so it gets a thread.
        from trivium.openapi.assets import ASSETS

        return ASSETS[name].respond(request)

    return serve


def _hidden_route(path: str, endpoint: Callable[..., Any]) -> Route:
    """A plain GET route that the OpenAPI document does not show."""
    return Route(path, endpoint, include_in_schema=False)


def _root_path(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")
