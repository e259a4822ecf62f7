"""``fastapi.middleware.asyncexitstack``"""

from trivium.stages.exit_stack import AsyncExitStackMiddleware

__all__ = ["AsyncExitStackMiddleware"]
