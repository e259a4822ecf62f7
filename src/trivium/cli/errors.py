"""What the `trivium` command says instead of doing what it was asked."""

from trivium.errors import TriviumError


class AppNotFound(TriviumError):
    """No app was found. The message names what was looked for, and where."""


class AppFailed(TriviumError):
    """The app's own code raised while it was imported or made; `__cause__` is that error."""
