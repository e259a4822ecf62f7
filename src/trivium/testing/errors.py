"""What the test clients raise about themselves.

    TriviumError
    ├── AppStillRunning        the client left, and the app's call did not end
    ├── DisconnectNotReached   the app's call ended before the client was to leave
    └── NoResponse             the app's call ended without an answer

What the app itself raises reaches the test as it is.
"""

from trivium.errors import TriviumError


class AppStillRunning(TriviumError):
    """The app's call went on for `patience` seconds after its client had left; it was cancelled."""

    def __init__(self, what: str, patience: float) -> None:
        super().__init__(
            f"{what} was still running {patience:g} s after its client had left, and was "
            "cancelled. A handler learns of it by receiving (http.disconnect, "
            "websocket.disconnect); one that needs longer to clean up needs a client with more "
            "patience: patience=30."
        )


class DisconnectNotReached(TriviumError):
    """The app's call ended before the client could leave, so the test would have tested nothing."""


class NoResponse(TriviumError):
    """The app's call ended without starting a response, and the client was still there."""
