"""``fastapi.security.open_id_connect_url``"""

from trivium.security.openid import OpenIdConnect

__all__ = ["OpenIdConnect"]
