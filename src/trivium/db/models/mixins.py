"""What many models have in common: when a row was made and changed, deletion that can be undone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypeVar

from trivium.db.models.types import UtcDateTime
from trivium.db.queries.manager import Manager, Objects
from trivium.db.signals import post_delete, pre_delete

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


class LiveManager(Manager[M]):
    """The rows that are not deleted; ``delete()`` of a query marks them instead."""

    __slots__ = ()

    def initial(self) -> Any:
        """The rows without a time of deletion."""
        return self.filter(deleted_at__isnull=True)

    async def delete(self) -> tuple[int, dict[str, int]]:
        """Marks the rows as deleted; how many. Rows that point at them stay as they are."""
        count = await self.filter(deleted_at__isnull=True).update(deleted_at=now())
        return count, ({self.model.__name__: count} if count else {})


class LiveObjects(Objects):
    """``objects`` of a model whose rows are marked rather than deleted."""

    def __get__(self, instance: object, owner: type[M]) -> LiveManager[M]:
        made: LiveManager[M] = LiveManager().__get__(None, owner)
        return made


class SoftDelete:
    """Rows that are marked rather than deleted: ``class Flight(SoftDelete, Model)``.

    ``objects`` has the rows that are not marked, ``all_objects`` all of them. Loading a relation to
    many leaves marked rows out; a condition through a relation, ``flights__delay__gt``, sees them.
    ``on_delete`` rules are followed only when a row is deleted for good.
    """

    deleted_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime(), default=None, index=True, info={MANAGED: True}, sort_order=102
    )

    objects = LiveObjects()
    """The rows that are not deleted."""

    all_objects = Objects()
    """All rows."""

    async def delete(self, *, using: str | None = None) -> tuple[int, dict[str, int]]:
        """Marks the row as deleted, with the signals of a deletion."""
        from trivium.db.queries.saving import save

        kind = type(self)
        await pre_delete.send(kind, self, using=using)
        self.deleted_at = now()
        await save(self, using=using)
        await post_delete.send(kind, self, using=using)
        return 1, {kind.__name__: 1}

    async def restore(self, *, using: str | None = None) -> None:
        """Takes the mark away."""
        from trivium.db.queries.saving import save

        self.deleted_at = None
        await save(self, using=using)

    async def delete_for_good(self, *, using: str | None = None) -> tuple[int, dict[str, int]]:
        """Deletes the row and what its ``on_delete`` rules say, as ``Model.delete`` does."""
        from trivium.db.queries.deletion import delete_instance

        return await delete_instance(self, using=using)
