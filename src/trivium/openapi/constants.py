"""Fixed words of the OpenAPI document, and of the addresses of its pages."""

METHODS_WITH_BODY = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"}
"""Methods whose request body is documented: HTTP gives the others' bodies no meaning."""

REF_PREFIX = "#/components/schemas/"
REF_TEMPLATE = "#/components/schemas/{model}"

FILES = "assets"
"""Where the files of a page are, below the page itself."""
