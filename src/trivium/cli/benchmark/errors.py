"""Why something could not be measured."""

from trivium.errors import TriviumError


class CannotMeasure(TriviumError):
    """What was asked for cannot be measured here; the message says what is missing."""


class NotServing(TriviumError):
    """A server did not come up, or went away; the message is what it wrote last."""


class LoadFailed(TriviumError):
    """The load could not be made, or replies went wrong under it."""
