"""What the routes of an application say of themselves: the OpenAPI document, and its pages.

``document`` describes the routes (``operation`` one of them, ``requirements``, ``responses`` and
``schemas`` its parts), ``mounted`` adds the documents of mounted applications, ``models`` are the
objects of the specification. ``site`` serves the document, and ``own_pages`` with their ``assets``;
``pages`` are the same pages as FastAPI makes them.

What is here is imported when it is first asked for: an application that nobody asks for its
document does without the models, which take longer to import than all the rest of the room.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trivium.openapi.document import Document, get_openapi
    from trivium.openapi.mounted import mounted_documents, with_mounted
    from trivium.openapi.refusal import Refusal
    from trivium.openapi.site import DocumentedApp, cdn_docs_routes, docs_routes, document_route

__all__ = [
    "Document",
    "DocumentedApp",
    "Refusal",
    "cdn_docs_routes",
    "docs_routes",
    "document_route",
    "get_openapi",
    "mounted_documents",
    "with_mounted",
]

_HOMES = {
    "Document": "document",
    "DocumentedApp": "site",
    "Refusal": "refusal",
    "cdn_docs_routes": "site",
    "docs_routes": "site",
    "document_route": "site",
    "get_openapi": "document",
    "mounted_documents": "mounted",
    "with_mounted": "mounted",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
