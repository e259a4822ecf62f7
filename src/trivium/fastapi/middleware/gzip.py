"""``fastapi.middleware.gzip``"""

from starlette.middleware.gzip import GZipMiddleware

__all__ = ["GZipMiddleware"]
