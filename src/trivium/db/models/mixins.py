"""What many models have in common: when a row was made and changed, deletion that can be undone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import instance_state
from typing_extensions import TypeVar

from trivium.db.errors import DoesNotExist
from trivium.db.models.types import UtcDateTime
from trivium.db.queries.manager import Manager, Objects
from trivium.db.queries.q import Q
from trivium.db.signals import post_delete, pre_delete
from trivium.db.transactions import atomic

__all__ = ["LiveManager", "SoftDelete", "Timestamps"]

M = TypeVar("M")

# The key of a column's `info` that keeps it out of what clients write.
MANAGED = "managed"


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Timestamps:
    """``created_at`` and ``updated_at``, kept by the model: ``class Flight(Timestamps, Model)``.

    ``update()`` and ``bulk_update()`` of a query set ``updated_at`` too, where they go through
    SQLAlchemy; a statement by another program does not.
    """

    created_at: Mapped[datetime] = mapped_column(
        UtcDateTime(), default=now, info={MANAGED: True}, sort_order=100
    )
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime(), default=now, onupdate=now, info={MANAGED: True}, sort_order=101
    )


LIVE = Q(deleted_at__isnull=True)
"""The condition that ``objects`` begins with."""


class LiveManager(Manager[M]):
    """The rows that are not deleted; ``delete()`` of a query marks them instead."""

    __slots__ = ()

    def initial(self) -> Any:
        """The rows without a time of deletion."""
        return self.filter(LIVE)

    def with_deleted(self) -> Self:
        """All rows, and those behind relations, whether they are marked or not."""
        made = super().with_deleted()
        state = made._state
        state.filters = tuple(
            each for each in state.filters if not any(part is LIVE for part in each.children)
        )
        return made

    async def delete(self) -> tuple[int, dict[str, int]]:
        """Marks the rows as deleted; how many. Rows that point at them stay as they are."""
        query: Any = self.filter(deleted_at__isnull=True)
        model: Any = self.model
        heard = pre_delete.has_receivers(model) or post_delete.has_receivers(model)
        using = self._state.using
        async with atomic(using, savepoint=False):
            instances = await query if heard else []
            for each in instances:
                await pre_delete.send(model, each, using=using)
            count = await query.update(deleted_at=now())
            for each in instances:
                await each.refresh("deleted_at", using=using)
                await post_delete.send(model, each, using=using)
        return count, ({model.__name__: count} if count else {})


class LiveObjects(Objects):
    """``objects`` of a model whose rows are marked rather than deleted."""

    def __get__(self, instance: object, owner: type[M]) -> LiveManager[M]:
        made: LiveManager[M] = LiveManager().__get__(None, owner)
        return made


class SoftDelete:
    """Rows that are marked rather than deleted: ``class Flight(SoftDelete, Model)``.

    ``objects`` has the rows that are not marked, ``all_objects`` all of them. Other models do not
    see marked rows either: not in relations to many that are loaded, counted, or stand in a
    condition, ``flights__delay__gt``. ``with_deleted()`` of a query sees them. A reference to a
    marked row leads to it all the same. ``on_delete`` rules are followed only when a row is deleted
    for good.
    """

    __trivium_marked_by__ = "deleted_at"

    deleted_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime(), default=None, index=True, info={MANAGED: True}, sort_order=102
    )

    objects = LiveObjects()
    """The rows that are not deleted."""

    all_objects = Objects()
    """All rows."""

    async def delete(self, *, using: str | None = None) -> tuple[int, dict[str, int]]:
        """Marks the row as deleted, with the signals of a deletion."""
        from trivium.db.queries.saving import database_of, left_alone

        kind: Any = type(self)
        if instance_state(self).key is None:
            raise DoesNotExist(f"{self!r} is not stored, so it cannot be deleted")
        using = database_of(kind, using)
        with left_alone([self], using):
            async with atomic(using, savepoint=False):
                await pre_delete.send(kind, self, using=using)
                await self._mark(now(), using)
                await post_delete.send(kind, self, using=using)
        return 1, {kind.__name__: 1}

    async def restore(self, *, using: str | None = None) -> None:
        """Takes the mark away."""
        await self._mark(None, using)

    async def _mark(self, when: datetime | None, using: Any) -> None:
        from trivium.db.queries.saving import save

        self.deleted_at = when
        await save(self, update_fields=["deleted_at"], using=using)

    async def delete_for_good(self, *, using: str | None = None) -> tuple[int, dict[str, int]]:
        """Deletes the row and what its ``on_delete`` rules say, as ``Model.delete`` does."""
        from trivium.db.queries.deletion import delete_instance

        return await delete_instance(self, using=using)
