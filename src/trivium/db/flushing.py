"""What a session's flush does besides writing: it sends the signals of what it writes.

So a receiver is told of ``session.add(flight)`` and ``session.delete(flight)`` as it is of
``flight.save()``. Receivers are called around the flush, not within: they may ask and write, too.
Where nobody listens, a flush costs a look at whether somebody does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.util.concurrency import await_only

from trivium.db.sessions import SyncSession
from trivium.db.signals import Signal, post_delete, post_save, pre_delete, pre_save

__all__ = ["TellingSession"]

_SIGNALS = (pre_save, post_save, pre_delete, post_delete)


class _Change(NamedTuple):
    """One object that is written."""

    instance: Any
    before: Signal
    after: Signal
    more: dict[str, Any]


class TellingSession(SyncSession):
    """The synchronous half of a session, which tells of what it writes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._told: set[Any] = set()

    @contextmanager
    def told(self, instance: Any) -> Iterator[None]:
        """While somebody else tells of an object."""
        state = instance_state(instance)
        if state in self._told:
            yield
            return
        self._told.add(state)
        try:
            yield
        finally:
            self._told.discard(state)

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Writes what has changed, and tells before and after it."""
        if self._writes_nothing():
            return
        if self._flushing or not self.tells:
            super().flush(objects)
            return
        changes: list[_Change] = []
        try:
            # a receiver may change more
            while fresh := list(self._heard()):
                self._begin_for_receivers()
                for change in fresh:
                    self._told.add(instance_state(change.instance))
                    changes.append(change)
                for change in fresh:
                    self._tell(change.before, change)
            super().flush(objects)
            for change in changes:
                self._tell(change.after, change)
        finally:
            self._told.difference_update(instance_state(each.instance) for each in changes)

    @property
    def tells(self) -> bool:
        """Whether anybody listens to anything."""
        return any(signal.is_heard for signal in _SIGNALS)

    def _begin_for_receivers(self) -> None:
        """What receivers write belongs to the transaction that the flush would begin."""
        if not self.lane.is_held:
            self.lane.is_open = True
            if not self.in_transaction():
                self.begin()

    def _writes_nothing(self) -> bool:
        """Whether a flush would only begin a transaction, which somebody would have to commit."""
        if self.lane.is_held or self.new or self.deleted:
            return False
        return not any(map(self.is_modified, self.dirty))

    def _heard(self) -> Iterator[_Change]:
        """What is going to be written that somebody wants to hear of, and nobody tells yet."""
        for instance in self.new:
            if self._is_heard(instance, pre_save, post_save):
                more = {"created": True, "update_fields": None}
                yield _Change(instance, pre_save, post_save, more)
        for instance in self.dirty:
            if self._is_heard(instance, pre_save, post_save) and self.is_modified(instance):
                more = {"created": False, "update_fields": None}
                yield _Change(instance, pre_save, post_save, more)
        for instance in self.deleted:
            if self._is_heard(instance, pre_delete, post_delete):
                yield _Change(instance, pre_delete, post_delete, {})

    def _is_heard(self, instance: Any, before: Signal, after: Signal) -> bool:
        kind = type(instance)
        heard = before.has_receivers(kind) or after.has_receivers(kind)
        return heard and instance_state(instance) not in self._told

    def _tell(self, signal: Signal, change: _Change) -> None:
        kind = type(change.instance)
        if signal.has_receivers(kind):
            # a flush runs where SQLAlchemy lets synchronous code wait
            await_only(signal.send(kind, change.instance, using=self.lane.database, **change.more))
