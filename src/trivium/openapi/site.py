"""The documentation site of an application: its document, and the pages that show it."""

from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trivium.openapi.assets import (
    FAVICON,
    OAUTH2_REDIRECT_SCRIPT,
    PAGE_STYLE,
    REDOC,
    REDOC_START,
    SWAGGER_UI,
    SWAGGER_UI_START,
    SWAGGER_UI_STYLE,
)
from trivium.openapi.offline import OfflinePage, hidden_route
from trivium.openapi.pages import (
    get_redoc_html,
    get_swagger_ui_html,
    get_swagger_ui_oauth2_redirect_html,
    swagger_ui_default_parameters,
)
from trivium.openapi.policy import EMPTY_STYLE, content_security_policy

__all__ = ["DocumentedApp", "cdn_docs_routes", "docs_routes", "document_route"]


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

    return [hidden_route(app.openapi_url, openapi)]


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
        routes.append(hidden_route(app.docs_url, swagger_ui_html))
        if redirect_url:
            routes.append(hidden_route(redirect_url, swagger_ui_redirect))
    if openapi_url and app.redoc_url:
        routes.append(hidden_route(app.redoc_url, redoc_html))
    return routes


def _swagger_ui_routes(app: DocumentedApp, openapi_url: str, docs_url: str) -> list[Route]:
    page = OfflinePage(
        docs_url,
        scripts=[SWAGGER_UI, SWAGGER_UI_START],
        styles=[SWAGGER_UI_STYLE, PAGE_STYLE],
        icon=FAVICON,
    )
    redirect_url = app.swagger_ui_oauth2_redirect_url

    async def swagger_ui_html(request: Request) -> Response:
        settings = {
            "url": page.relative(openapi_url),
            "oauth2RedirectUrl": page.relative(redirect_url) if redirect_url else None,
            "initOAuth": app.swagger_ui_init_oauth,
            "parameters": {
                **swagger_ui_default_parameters,
                # Swagger's validator on the net would be sent the address of the document.
                "validatorUrl": None,
                **(app.swagger_ui_parameters or {}),
            },
        }
        # An image or a sound that an operation answers with is played on the page.
        policy = content_security_policy(
            app.openapi(), img_src=["blob:"], media_src=["'self'", "blob:"]
        )
        title = f"{app.title} - Swagger UI"
        return page.respond(title=title, policy=policy, settings={"swagger-ui": settings})

    return page.routes(swagger_ui_html)


def _oauth2_redirect_routes(redirect_url: str) -> list[Route]:
    page = OfflinePage(redirect_url, scripts=[OAUTH2_REDIRECT_SCRIPT])

    async def swagger_ui_redirect(request: Request) -> Response:
        return page.respond(title="Swagger UI: OAuth2 login", policy=content_security_policy())

    return page.routes(swagger_ui_redirect)


_SCROLLBAR_STYLE = "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
"""Admits the styles of perfect-scrollbar, which the Redoc bundle writes into the page."""


def _redoc_routes(app: DocumentedApp, openapi_url: str, redoc_url: str) -> list[Route]:
    page = OfflinePage(redoc_url, scripts=[REDOC, REDOC_START], styles=[PAGE_STYLE], icon=FAVICON)
    policy = content_security_policy(
        style_src=[EMPTY_STYLE, _SCROLLBAR_STYLE],
        # The search index lives in a worker, which is bound by this policy too.
        worker_src=["blob:"],
    )

    async def redoc_html(request: Request) -> Response:
        # Descriptions may hold HTML of anyone's; the policy stops scripts, this the rest.
        settings = {"url": page.relative(openapi_url), "options": {"sanitize": True}}
        title = f"{app.title} - ReDoc"
        return page.respond(title=title, policy=policy, settings={"redoc": settings})

    return page.routes(redoc_html)


def _root_path(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")
