"""The app that a command looks into, found as the server finds the one it serves."""

from trivium.server.loading import load_app

__all__ = ["load_app"]
