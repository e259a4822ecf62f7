"""The documentation pages as Trivium serves them: with their own files, and without a network."""

from starlette.responses import Response

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
from trivium.openapi.offline import OfflinePage
from trivium.openapi.pages import swagger_ui_default_parameters
from trivium.openapi.policy import EMPTY_STYLE, content_security_policy
from trivium.openapi.site import DocumentedApp

__all__ = ["oauth2_redirect_page", "redoc_page", "swagger_ui_page"]


def swagger_ui_page(
    app: DocumentedApp, url: str, openapi_url: str, redirect_url: str | None
) -> Response:
    """Swagger UI at ``url``; it logs in by way of ``redirect_url``, if there is one."""
    page = OfflinePage(
        url,
        scripts=[SWAGGER_UI, SWAGGER_UI_START],
        styles=[SWAGGER_UI_STYLE, PAGE_STYLE],
        icon=FAVICON,
    )
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


def oauth2_redirect_page(url: str) -> Response:
    """Where a login ends that was begun in Swagger UI."""
    page = OfflinePage(url, scripts=[OAUTH2_REDIRECT_SCRIPT])
    return page.respond(title="Swagger UI: OAuth2 login", policy=content_security_policy())


_SCROLLBAR_STYLE = "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
"""Admits the styles of perfect-scrollbar, which the Redoc bundle writes into the page."""


def redoc_page(app: DocumentedApp, url: str, openapi_url: str) -> Response:
    """Redoc at ``url``."""
    page = OfflinePage(url, scripts=[REDOC, REDOC_START], styles=[PAGE_STYLE], icon=FAVICON)
    policy = content_security_policy(
        style_src=[EMPTY_STYLE, _SCROLLBAR_STYLE],
        # The search index lives in a worker, which is bound by this policy too.
        worker_src=["blob:"],
    )
    # Descriptions may hold HTML of anyone's; the policy stops scripts, this the rest.
    settings = {"url": page.relative(openapi_url), "options": {"sanitize": True}}
    title = f"{app.title} - ReDoc"
    return page.respond(title=title, policy=policy, settings={"redoc": settings})
