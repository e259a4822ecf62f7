"""Whether forms can be parsed: python-multipart is there, and not the other package of that name.

Both install a module ``multipart``, and Starlette finds out when the first form arrives. A handler
with a form parameter is refused earlier, where it is declared.
"""

import logging
from importlib import import_module
from typing import Any

__all__ = ["INCORRECT", "MISSING", "ensure_multipart_is_installed"]

OLDEST = (0, 0, 13)
"""The first release whose module is called ``python_multipart``."""

MISSING = (
    "Forms are parsed by python-multipart, which is not installed.\n"
    "    instead:  pip install python-multipart\n"
)
INCORRECT = (
    "Forms are parsed by python-multipart, but the package installed is multipart, which only"
    " shares its name.\n"
    "    instead:  pip uninstall multipart; pip install python-multipart\n"
)

# FastAPI's logger, as its users have configured it: see trivium.fastapi.logger.
_logger = logging.getLogger("fastapi")


def ensure_multipart_is_installed() -> None:
    """Raises RuntimeError, with what to install, if forms cannot be parsed."""
    version = _attribute("python_multipart", "__version__")
    if version is not None and _release(version) >= OLDEST:
        return
    # releases before that are called multipart, as the other package is
    if not _attribute("multipart", "__version__"):
        message = MISSING
    elif _attribute("multipart.multipart", "parse_options_header") is None:
        message = INCORRECT
    else:
        return
    _logger.error(message)
    raise RuntimeError(message)


def _attribute(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
