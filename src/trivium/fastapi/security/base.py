"""``fastapi.security.base``"""

from trivium.binding.schemes import SecurityBase

__all__ = ["SecurityBase"]
