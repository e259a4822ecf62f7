"""What is said instead of serving, or instead of what a command was asked."""

from trivium.errors import TriviumError


class AppNotFound(TriviumError):
    """No app was found. The message names what was looked for, and where."""


class AppFailed(TriviumError):
    """The app's own code raised while it was imported or made; `__cause__` is that error."""


class WrongSetting(TriviumError):
    """A setting of the server cannot be meant. The message names it and says where it was given."""


class CannotListen(TriviumError):
    """An address cannot be listened on: it is taken, not allowed, or not of this machine."""
