"""``fastapi.logger``: named as FastAPI's, since logging is configured by name"""

import logging

logger = logging.getLogger("fastapi")

__all__ = ["logger"]
