"""What the routes of an application say of themselves: the OpenAPI document, and its pages.

``document`` describes the routes (``operation`` one of them, ``requirements``, ``responses`` and
``schemas`` its parts), ``mounted`` adds the documents of mounted applications, ``models`` are the
objects of the specification. ``site`` serves the document and its pages from ``assets``; ``pages``
are the same pages as FastAPI makes them.
"""

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
