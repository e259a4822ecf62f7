"""The version, where it can be read without ``importlib.metadata``."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
