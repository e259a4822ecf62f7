"""Columns that the database holds encrypted, and the program reads as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Dialect, LargeBinary, TypeDecorator

from trivium.db.errors import DbError, InvalidValue

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

__all__ = ["Encrypted"]

Keys = str | Sequence[str] | Callable[[], str | Sequence[str]]


class Encrypted(TypeDecorator[str]):
    """A text that is encrypted on its way to the database and decrypted on its way back.

    ::

        passport: Mapped[str] = mapped_column(Encrypted(lambda: settings.keys))

    keys: one of Fernet's keys (``Fernet.generate_key()``), several, or a callable that gives them
        when they are first needed. The first one encrypts, all of them decrypt: a new key is put in
        front, and the old one stays until every row has been saved again.

    The same text is encrypted differently each time, so the column can be compared with NULL alone.
    Reading raises ``InvalidValue`` where no key fits. It needs cryptography, which comes with
    ``pip install 'trivium[encryption]'``.
    """

    impl = LargeBinary
    # two columns may have other keys, which no statement shows
    cache_ok = False

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._keys = keys
        self._made: MultiFernet | None = None

    def _fernet(self) -> MultiFernet:
        if self._made is None:
            try:
                from cryptography.fernet import Fernet, MultiFernet
            except ModuleNotFoundError as missing:
                raise DbError(
                    "Encrypted columns need cryptography, which is not installed.\n"
                    "Install it with:\n    pip install 'trivium[encryption]'"
                ) from missing
            given = self._keys() if callable(self._keys) else self._keys
            keys = [given] if isinstance(given, str) else list(given)
            try:
                self._made = MultiFernet([Fernet(key) for key in keys])
            except ValueError as error:
                raise DbError(
                    f"Encrypted() has a key that is none of Fernet's: {error}\n"
                    "    instead:  Fernet.generate_key().decode()"
                ) from None
        return self._made

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """The text, encrypted."""
        return None if value is None else self._fernet().encrypt(value.encode())

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """The text, decrypted."""
        if value is None:
            return None
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet().decrypt(bytes(value)).decode()
        except InvalidToken:
            raise InvalidValue(
                "A value is encrypted with a key that Encrypted() does not have, or was changed"
            ) from None
