"""A documented application that is nothing but its document, and the site it gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from trivium.openapi import docs_routes, document_route

Document = dict[str, Any]


def document(**sections: Any) -> Document:
    """The smallest OpenAPI document, with more sections as given."""
    return {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {}, **sections}


@dataclass
class Documented:
    """The attributes of an application that its documentation is made of."""

    schema: Document = field(default_factory=document)
    title: str = "Flights"
    openapi_url: str | None = "/openapi.json"
    docs_url: str | None = "/docs"
    redoc_url: str | None = "/redoc"
    swagger_ui_oauth2_redirect_url: str | None = "/docs/oauth2-redirect"
    swagger_ui_init_oauth: dict[str, Any] | None = None
    swagger_ui_parameters: dict[str, Any] | None = None
    root_path_in_servers: bool = True

    def openapi(self) -> Document:
        return self.schema


def served(documented: Documented, *more: Route) -> Starlette:
    """An application that serves the document, its pages and ``more``."""
    return Starlette(routes=[*document_route(documented), *docs_routes(documented), *more])
