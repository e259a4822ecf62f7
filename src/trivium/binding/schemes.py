"""What binding needs to know of a security scheme.

The schemes themselves live in ``security/``, above this room. A dependency that is an instance of
``SecurityBase`` is one: the OpenAPI document names it, and its ``model`` describes it.
"""

import pydantic

__all__ = ["SecurityBase", "SecurityScopes"]


class SecurityBase:
    """Base of the OpenAPI security schemes; subclasses are callable as dependencies."""

    model: "pydantic.BaseModel"
    """Describes the scheme in the OpenAPI document."""
    scheme_name: str
    """Key of the scheme in the document; two schemes of one name are one scheme."""


class SecurityScopes:
    """The OAuth2 scopes asked for by all dependants above a dependency, outermost first.

    A dependency receives it by annotating a parameter with this class.
    """

    scopes: list[str]
    """Each scope once."""
    scope_str: str
    """The scopes in one string, separated by spaces, as RFC 6749 section 3.3 writes them."""

    def __init__(self, scopes: list[str] | None = None) -> None:
        self.scopes = scopes or []
        self.scope_str = " ".join(self.scopes)
