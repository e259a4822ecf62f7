"""``fastapi.background``"""

from typing import ParamSpec

from trivium.background import BackgroundTasks

P = ParamSpec("P")

__all__ = ["BackgroundTasks", "P"]
