"""What may go wrong with a file.

The tree::

    TriviumError
    └── StorageError
        ├── InvalidKey      what could lead elsewhere is no key; a ValueError too
        ├── FileMissing     there is no file under the key
        ├── FileTaken       there is one already, and it is not overwritten
        └── StorageFailed   the disk or the server refuses; the cause is its error
"""

from trivium.errors import TriviumError

__all__ = ["FileMissing", "FileTaken", "InvalidKey", "StorageError", "StorageFailed"]


class StorageError(TriviumError):
    """Everything that the storage room raises on purpose."""


class InvalidKey(StorageError, ValueError):
    """What should be the key of a file is none."""


class FileMissing(StorageError):
    """There is no file under the key."""


class FileTaken(StorageError):
    """There is a file under the key already, and it is not overwritten."""


class StorageFailed(StorageError):
    """The disk is full, a server does not answer: ``__cause__`` tells."""
