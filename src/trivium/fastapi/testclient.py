"""``fastapi.testclient``"""

from trivium.testing import TestClient

__all__ = ["TestClient"]
