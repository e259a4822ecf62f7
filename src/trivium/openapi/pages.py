"""The documentation pages as FastAPI serves them: one HTML file each, the scripts from a CDN.

These functions are for programs that bring their own URLs or keep FastAPI's defaults. The pages
that ``App`` serves by itself, which need no network and no inline script, are in ``site``.

Every argument ends up in HTML or JavaScript and is escaped for the place where it ends up.
"""

import json
from html import escape
from typing import Any

from starlette.responses import HTMLResponse

from trivium.openapi.assets import OAUTH2_REDIRECT_SCRIPT
from trivium.responding.encoders import jsonable_encoder

__all__ = [
    "get_redoc_html",
    "get_swagger_ui_html",
    "get_swagger_ui_oauth2_redirect_html",
    "swagger_ui_default_parameters",
]

swagger_ui_default_parameters: dict[str, Any] = {
    "dom_id": "#swagger-ui",
    "layout": "BaseLayout",
    "deepLinking": True,
    "showExtensions": True,
    "showCommonExtensions": True,
}
"""What Swagger UI is started with unless ``swagger_ui_parameters`` says otherwise."""

_FAVICON = "https://fastapi.tiangolo.com/img/favicon.png"
_GOOGLE_FONTS = "https://fonts.googleapis.com/css?family=Montserrat:300,400,700|Roboto:300,400,700"


def get_swagger_ui_html(
    *,
    openapi_url: str,
    title: str,
    swagger_js_url: str = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/swagger-ui-bundle.js",
    swagger_css_url: str = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5/swagger-ui.css",
    swagger_favicon_url: str = _FAVICON,
    oauth2_redirect_url: str | None = None,
    init_oauth: dict[str, Any] | None = None,
    swagger_ui_parameters: dict[str, Any] | None = None,
) -> HTMLResponse:
    """A page that starts Swagger UI on the document at ``openapi_url``.

    ``title`` is the browser tab's. ``oauth2_redirect_url`` is a path on the page's own server, at
    which ``get_swagger_ui_oauth2_redirect_html()`` is served. ``init_oauth`` is handed to Swagger
    UI's ``initOAuth()``, and ``swagger_ui_parameters`` is merged into the default parameters; both
    must be what JSON can hold.
    """
    options = [f"url: {_js_string(openapi_url)}"]
    options += [
        f"{_js(name)}: {_js(jsonable_encoder(value))}"
        for name, value in {
            **swagger_ui_default_parameters,
            **(swagger_ui_parameters or {}),
        }.items()
    ]
    if oauth2_redirect_url:
        redirect = _js_string(oauth2_redirect_url)
        options.append(f"oauth2RedirectUrl: window.location.origin + {redirect}")
    options.append(
        "presets: [\n"
        "      SwaggerUIBundle.presets.apis,\n"
        "      SwaggerUIBundle.SwaggerUIStandalonePreset\n"
        "    ]"
    )
    settings = ",\n    ".join(options)
    start_oauth = f"\n  ui.initOAuth({_js(jsonable_encoder(init_oauth))});" if init_oauth else ""
    return HTMLResponse(f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="shortcut icon" href="{escape(swagger_favicon_url)}">
<link rel="stylesheet" type="text/css" href="{escape(swagger_css_url)}">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{escape(swagger_js_url)}"></script>
<script>
  const ui = SwaggerUIBundle({{
    {settings},
  }});{start_oauth}
</script>
</body>
</html>
""")


def get_redoc_html(
    *,
    openapi_url: str,
    title: str,
    redoc_js_url: str = "https://cdn.jsdelivr.net/npm/redoc@2/bundles/redoc.standalone.js",
    redoc_favicon_url: str = _FAVICON,
    with_google_fonts: bool = True,
) -> HTMLResponse:
    """A page that starts Redoc on the document at ``openapi_url``; ``title`` is the browser tab's.

    ``with_google_fonts`` loads the fonts that Redoc is designed with from Google's server.
    """
    fonts = f'<link rel="stylesheet" href="{_GOOGLE_FONTS}">\n' if with_google_fonts else ""
    return HTMLResponse(f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="shortcut icon" href="{escape(redoc_favicon_url)}">
{fonts}<style>
  body {{ margin: 0; }}
</style>
</head>
<body>
<noscript>This page is made by Redoc, which needs JavaScript.</noscript>
<redoc spec-url="{escape(openapi_url)}"></redoc>
<script src="{escape(redoc_js_url)}"></script>
</body>
</html>
""")


def get_swagger_ui_oauth2_redirect_html() -> HTMLResponse:
    """The page that ends an OAuth2 login: it hands the answer to the Swagger UI that opened it."""
    return HTMLResponse(f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Swagger UI: OAuth2 login</title>
</head>
<body>
<script>
{OAUTH2_REDIRECT_SCRIPT.text}</script>
</body>
</html>
""")


def _js(value: Any) -> str:
    """JSON that cannot end the script element, or start markup in it."""
    text = json.dumps(value)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _js_string(text: str) -> str:
    """A JavaScript string in single quotes, as programs that read the page expect it."""
    inner = _js(text)[1:-1].replace('\\"', '"').replace("'", "\\u0027")
    return f"'{inner}'"
