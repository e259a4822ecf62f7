"""Files come and go with their rows.

A new file is stored before its row is written, and removed if the transaction is rolled back. One
that was replaced, or whose row was deleted, is removed after the commit. What a crash in between
leaves behind is a file without a row, never a row without its file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, event, select
from sqlalchemy.orm import Mapper, object_session
from sqlalchemy.orm.attributes import instance_dict, instance_state
from sqlalchemy.util import await_only

from trivium.db.errors import FieldError, InvalidValue
from trivium.db.execution import execute
from trivium.db.files.column import FileType, file_columns
from trivium.db.files.stored import StoredFile
from trivium.db.sessions import SyncSession
from trivium.db.units import Lane
from trivium.storage.errors import StorageError

__all__ = ["file_names", "listen", "refuse_file", "removed_with", "store"]

logger = logging.getLogger("trivium.db")

_listening = False


def listen() -> None:
    """Has SQLAlchemy tell of rows with files; called by the first file column there is."""
    global _listening
    if not _listening:
        _listening = True
        event.listen(Mapper, "mapper_configured", _watch)
        event.listen(SyncSession, "before_flush", _before_flush)


def file_names(mapper: Mapper[Any]) -> dict[str, Any]:
    """The attributes of a class that are files, with their columns."""
    if not any(file_columns(table) for table in mapper.tables):
        return {}
    return {
        each.key: each.columns[0]
        for each in mapper.column_attrs
        if isinstance(each.columns[0].type, FileType)
    }


def _watch(mapper: Mapper[Any], cls: type[Any]) -> None:
    names = file_names(mapper)
    if not names:
        return
    for name, column in names.items():
        event.listen(getattr(cls, name), "set", _taking(column.type), retval=True)
    event.listen(mapper, "before_insert", _before_insert)
    event.listen(mapper, "before_update", _before_update)
    event.listen(mapper, "before_delete", _before_delete)


def _taking(kind: FileType) -> Any:
    """An attribute takes everything that a file can be made of."""

    def take(instance: Any, value: Any, before: Any, initiator: Any) -> Any:
        if value is None or value is before or isinstance(value, ColumnElement):
            return value
        file = value if isinstance(value, StoredFile) else StoredFile(value)
        return kind.checked(file.of_column(kind))

    return take


# -- Rows that the session writes ------------------------------------------------------------------


def _before_flush(session: SyncSession, context: Any, instances: Any) -> None:
    # before a connection is taken: SQLite would keep all others from writing meanwhile
    for each in (*session.new, *session.dirty):
        for file in _waiting(each):
            await_only(_stored(session.lane, each, file))


def _before_insert(mapper: Mapper[Any], connection: Any, instance: Any) -> None:
    for file in _waiting(instance):
        await_only(_stored(_lane_of(instance), instance, file))


def _before_update(mapper: Mapper[Any], connection: Any, instance: Any) -> None:
    _before_insert(mapper, connection, instance)
    changed = {
        name: column
        for name, column in file_names(mapper).items()
        if name in instance_state(instance).committed_state
    }
    # what is replaced is what the row has now, whatever was read of it once
    _remove_keys(_lane_of(instance), connection, mapper, changed, instance)


def _before_delete(mapper: Mapper[Any], connection: Any, instance: Any) -> None:
    _remove_keys(_lane_of(instance), connection, mapper, file_names(mapper), instance, gone=True)


def _remove_keys(
    lane: Lane,
    connection: Any,
    mapper: Mapper[Any],
    names: dict[str, Any],
    instance: Any,
    *,
    gone: bool = False,
) -> None:
    """Has the files of a row removed, but those that it goes on having."""
    if not names:
        return
    state: Any = instance_state(instance)
    key = zip(mapper.primary_key, state.key[1], strict=True)
    statement = select(*names.values()).where(*(column == value for column, value in key))
    row = connection.execute(statement.with_for_update()).first()
    if row is None:
        return
    values = instance_dict(instance)
    for name, old in zip(names, row, strict=True):
        now = None if gone else values.get(name)
        if isinstance(now, ColumnElement):
            continue
        if old is not None and (now is None or now.key != old.key):
            _remove_after_commit(lane, old)


def _lane_of(instance: Any) -> Lane:
    session = object_session(instance)
    if not isinstance(session, SyncSession):
        raise InvalidValue(
            "Files are stored by the session of a Database, and this is another session"
        )
    return session.lane


# -- Rows that statements write --------------------------------------------------------------------


async def store(instances: Iterable[Any], lane: Lane, names: Iterable[str] | None = None) -> None:
    """Stores the files of instances that are about to be written by a statement."""
    wanted = None if names is None else set(names)
    for each in instances:
        for file in _waiting(each, wanted):
            await _stored(lane, each, file)


async def removed_with(
    table: Any, condition: Any, lane: Lane, *, columns: Iterable[Any] = (), but: Iterable[Any] = ()
) -> None:
    """Has the files of rows removed after the commit.

    columns: those that are files; all of the table's without them.
    but: the files that other rows, or the same, have from now on.
    """
    wanted = list(columns) or file_columns(table)
    if not wanted:
        return
    kept = {file.key for file in but if isinstance(file, StoredFile)}
    statement = select(*wanted).where(condition).with_for_update()
    for row in (await execute(statement, using=lane.database)).all():
        for file in row:
            if file is not None and file.key not in kept:
                _remove_after_commit(lane, file)


def refuse_file(model: type[Any], name: str, value: Any) -> None:
    """For one statement over many rows: each row has a file of its own, or none."""
    if value is not None:
        raise FieldError(
            f"update({name}=...) would give many rows of {model.__name__} one file\n"
            f"  instead:  row.{name} = ...; await row.save()"
        )


# -- What both share -------------------------------------------------------------------------------


def _waiting(instance: Any, names: set[str] | None = None) -> list[StoredFile]:
    """The files of an instance that nobody answers for yet."""
    values = instance_dict(instance)
    return [
        value
        for name in file_names(instance_state(instance).mapper)
        if (names is None or name in names)
        and isinstance(value := values.get(name), StoredFile)
        and value.source is not None
        and not value.is_owned
    ]


async def _stored(lane: Lane, instance: Any, file: StoredFile) -> None:
    await file.write(instance)
    file.is_owned = True
    lane.callbacks.add(file.settle, file.undo)


def _remove_after_commit(lane: Lane, file: StoredFile) -> None:
    column: Any = file._column
    if column.keep or file.key is None:
        return
    storage, key = file.storage, file.key

    async def remove() -> None:
        try:
            await storage.delete(key)
        except StorageError:
            # the row is right, and a file too many is not worth telling a client of an error
            logger.exception("A file without a row could not be removed: %s", key)

    lane.callbacks.add(remove)
