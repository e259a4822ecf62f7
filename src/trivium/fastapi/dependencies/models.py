"""``fastapi.dependencies.models``"""

from trivium.binding.dependant import Dependant

__all__ = ["Dependant"]
