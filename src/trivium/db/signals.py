"""Signals: telling whoever wants to know that something is saved, deleted or migrated.

    @post_save.connect(Flight)
    async def told(flight: Flight, *, created: bool, **more) -> None: ...

A receiver is a function or a coroutine function; it takes what is sent first, and the rest by
keyword. A receiver of ``when="commit"`` is called when the transaction is committed, and never when
it is rolled back; one of ``when="now"``, the default, is called inside of the transaction, and an
error that it raises undoes it.

The signal holds its receivers for good: a receiver that is to go away is disconnected, or connected
in ``with signal.connected(...)``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from trivium.db.callbacks import called
from trivium.db.errors import DbError
from trivium.db.transactions import on_commit
from trivium.db.units import Using

__all__ = [
    "Signal",
    "m2m_changed",
    "post_delete",
    "post_migrate",
    "post_save",
    "pre_delete",
    "pre_migrate",
    "pre_save",
]

Receiver: TypeAlias = Callable[..., Any]
R = TypeVar("R", bound=Receiver)
When: TypeAlias = Literal["now", "commit"]


class _Connection(NamedTuple):
    receiver: Receiver
    sender: type[Any] | None
    when: When


class Signal:
    """One kind of event. ``name`` is what messages call it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._connections: list[_Connection] = []
        self._by_sender: dict[type[Any], tuple[_Connection, ...]] = {}

    def __repr__(self) -> str:
        return f"<Signal {self.name}>"

    def connect(self, sender: type[Any] | None = None, *, when: When = "now") -> Callable[[R], R]:
        """Declares a receiver, as a decorator.

        sender: a model class; its subclasses send to it too. None: every sender.
        """
        if when not in ("now", "commit"):
            raise DbError(f"when={when!r} is neither 'now' nor 'commit'")
        if sender is not None and not isinstance(sender, type):
            raise DbError(
                f"{sender!r} is no class that could send {self.name}.\n"
                f"    instead:  @{self.name}.connect(Flight), or @{self.name}.connect()"
            )

        def declare(receiver: R) -> R:
            self._connections.append(_Connection(receiver, sender, when))
            self._by_sender.clear()
            return receiver

        return declare

    def disconnect(self, receiver: Receiver, sender: type[Any] | None = None) -> bool:
        """Takes a receiver away; whether it was there. Without a sender, from every sender."""
        before = len(self._connections)
        self._connections = [
            each
            for each in self._connections
            if each.receiver != receiver or (sender is not None and each.sender is not sender)
        ]
        self._by_sender.clear()
        return len(self._connections) != before

    @contextmanager
    def connected(
        self, receiver: R, sender: type[Any] | None = None, *, when: When = "now"
    ) -> Iterator[R]:
        """Connected inside of the block: what a test does."""
        connection = _Connection(receiver, sender, when)
        self.connect(sender, when=when)(receiver)
        try:
            yield receiver
        finally:
            self._connections.remove(connection)
            self._by_sender.clear()

    @property
    def is_heard(self) -> bool:
        """Whether there is any receiver."""
        return bool(self._connections)

    def has_receivers(self, sender: type[Any]) -> bool:
        """Whether anybody wants to know; sending to nobody costs only this."""
        return bool(self._connections) and bool(self._for(sender))

    async def send(self, sender: type[Any], what: Any, *, using: Using = None, **more: Any) -> None:
        """Calls the receivers in the order in which they were connected.

        sender: the class that it is about.
        what: what receivers take first, an object as a rule.
        using: the database whose commit is waited for.
        """
        if not self._connections:
            return
        for receiver, _, when in self._for(sender):
            call = partial(receiver, what, **more)
            if when == "commit":
                await on_commit(call, using=using)
            else:
                await called(call)

    def _for(self, sender: type[Any]) -> tuple[_Connection, ...]:
        found = self._by_sender.get(sender)
        if found is None:
            found = self._by_sender[sender] = tuple(
                each
                for each in self._connections
                if each.sender is None or issubclass(sender, each.sender)
            )
        return found


pre_save = Signal("pre_save")
post_save = Signal("post_save")
pre_delete = Signal("pre_delete")
post_delete = Signal("post_delete")
m2m_changed = Signal("m2m_changed")
pre_migrate = Signal("pre_migrate")
post_migrate = Signal("post_migrate")
