"""The storage room: files under keys, wherever they lie.

protocol.py   Storage, what every storage can do
local.py      LocalStorage, a directory
memory.py     MemoryStorage, for tests
objects.py    ObjectStorage: S3 and its like, by obstore
names.py      names that clients give become safe ones; which keys are keys
errors.py     the tree of errors
"""

from trivium.storage.errors import FileMissing, FileTaken, InvalidKey, StorageError, StorageFailed
from trivium.storage.local import LocalStorage
from trivium.storage.memory import MemoryStorage
from trivium.storage.names import safe_name
from trivium.storage.objects import ObjectStorage
from trivium.storage.protocol import Storage

__all__ = [
    "FileMissing",
    "FileTaken",
    "InvalidKey",
    "LocalStorage",
    "MemoryStorage",
    "ObjectStorage",
    "Storage",
    "StorageError",
    "StorageFailed",
    "safe_name",
]
