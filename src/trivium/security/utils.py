"""The ``Authorization`` header, taken apart."""

__all__ = ["get_authorization_scheme_param"]


def get_authorization_scheme_param(authorization_header_value: str | None) -> tuple[str, str]:
    """The scheme and what follows it, as the client wrote them; two empty strings without a header.

    >>> get_authorization_scheme_param("Bearer  token ")
    ('Bearer', 'token')
    """
    scheme, _, param = (authorization_header_value or "").partition(" ")
    return scheme, param.strip()
