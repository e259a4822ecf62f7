"""``fastapi.applications``"""

from typing import TypeVar

from trivium.app import FastAPI

AppType = TypeVar("AppType", bound=FastAPI)

__all__ = ["AppType", "FastAPI"]
