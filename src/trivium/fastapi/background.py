"""``fastapi.background``"""

from typing import ParamSpec

from trivium.exchange import BackgroundTasks

P = ParamSpec("P")

__all__ = ["BackgroundTasks", "P"]
