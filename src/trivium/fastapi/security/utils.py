"""``fastapi.security.utils``"""

from trivium.security.utils import get_authorization_scheme_param

__all__ = ["get_authorization_scheme_param"]
