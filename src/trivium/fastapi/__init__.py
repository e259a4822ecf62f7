"""stub"""

from trivium.fastapi._alias.finder import install

__version__ = "0.165.0"
__all__ = ["install", "__version__"]
