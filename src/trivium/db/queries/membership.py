"""The other side of a relation to many, changed: ``await flight.related("tags").add(tag)``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table, and_, delete, insert, select
from sqlalchemy.orm import Mapper, RelationshipProperty
from sqlalchemy.orm.attributes import instance_dict, instance_state

from trivium.db.errors import DoesNotExist, FieldError, InvalidValue
from trivium.db.execution import execute
from trivium.db.queries.fetching import relations_of
from trivium.db.queries.fitting import fitted
from trivium.db.queries.identity import key_of
from trivium.db.queries.paths import is_many
from trivium.db.queries.saving import database_of
from trivium.db.signals import m2m_changed
from trivium.db.transactions import atomic

__all__ = ["Related"]


class Related:
    """The rows on the other side of a relation to many of one instance.

    ``add``, ``remove``, ``set`` and ``clear`` write at once and take instances or keys. For a
    many-to-many relation they send ``m2m_changed``: the instance, with ``action`` ("pre_add",
    "post_add", "pre_remove", "post_remove", "pre_clear", "post_clear"), ``relation`` and ``keys``.
    The relation has to be fetched again afterwards.
    """

    __slots__ = ("_instance", "_relation", "_using")

    def __init__(self, instance: Any, name: str, using: Any = None) -> None:
        relation = relations_of(type(instance), name)[0]
        if name != relation.key or not is_many(relation):
            raise FieldError(
                f"{type(instance).__name__}.{name} leads to one row; set it: obj.{name} = ..."
            )
        self._instance = instance
        self._relation: RelationshipProperty[Any] = relation
        self._using = database_of(type(instance), using)
        key_of(instance)

    def all(self) -> Any:
        """The rows as a query, to filter and order further."""
        from trivium.db.queries.manager import objects
        from trivium.db.queries.q import Q
        from trivium.db.queries.related_rows import BelongsTo

        query: Any = objects(self._relation.mapper.class_)
        if self._using is not None:
            query = query.using(self._using)
        return query.filter(Q(BelongsTo(self._instance, self._relation)))

    async def add(self, *others: Any) -> None:
        """Ties these to the instance; those that are tied already stay so."""
        keys = self._keys(others)
        if not keys:
            return
        async with atomic(self._using, savepoint=False):
            if self._relation.secondary is None:
                await self._point(keys, here=True)
            else:
                tied = set(await self._tied())
                fresh = [key for key in keys if key not in tied]
                await self._tell("pre_add", fresh)
                await self._tie(fresh)
                await self._tell("post_add", fresh)
        self._forget()

    async def remove(self, *others: Any) -> None:
        """Unties these; rows that are not tied are passed over.

        Raises ``IntegrityFailure`` where the other side cannot be without one.
        """
        keys = self._keys(others)
        if not keys:
            return
        async with atomic(self._using, savepoint=False):
            if self._relation.secondary is None:
                await self._point(keys, here=False)
            else:
                await self._tell("pre_remove", keys)
                await self._untie(keys)
                await self._tell("post_remove", keys)
        self._forget()

    async def set(self, others: Iterable[Any]) -> None:
        """Ties exactly these: adds those that are missing, removes those that are too many."""
        wanted = self._keys(tuple(others))
        async with atomic(self._using, savepoint=False):
            tied = await self._tied()
            await self.remove(*(key for key in tied if key not in wanted))
            await self.add(*(key for key in wanted if key not in tied))

    async def clear(self) -> None:
        """Unties all."""
        async with atomic(self._using, savepoint=False):
            tied = await self._tied()
            if self._relation.secondary is None:
                await self._point(tied, here=False)
            else:
                await self._tell("pre_clear", tied)
                await self._untie(tied)
                await self._tell("post_clear", tied)
        self._forget()

    # -- The rows that tell it ---------------------------------------------------------------------

    @property
    def _target(self) -> Mapper[Any]:
        return self._relation.mapper

    def _keys(self, others: tuple[Any, ...]) -> list[Any]:
        """The keys of instances, or keys as they are; each once."""
        found = []
        kind = self._target.class_
        for each in others:
            if not hasattr(each, "_sa_instance_state"):
                found.append(self._key(each))
                continue
            if not isinstance(each, kind):
                raise InvalidValue(f"{each!r} is not a {kind.__name__}")
            found.append(key_of(each)[0])
        return list(dict.fromkeys(found))

    def _key(self, value: Any) -> Any:
        """A key as it was given, in the type of its column."""
        columns = self._target.primary_key
        if value is None or len(columns) != 1:
            raise InvalidValue(f"{value!r} is not the key of a {self._target.class_.__name__}")
        return fitted(value, columns[0].type, columns[0].name)

    def _between(self) -> tuple[Table, dict[str, Any], str]:
        """The table in between, its columns of the instance with their values, and the other."""
        relation = self._relation
        table: Any = relation.secondary
        mapper: Mapper[Any] = instance_state(self._instance).mapper
        own: dict[Any, Any] = {
            column.key: getattr(self._instance, mapper.get_property_by_column(local).key)
            for local, column in relation.synchronize_pairs
        }
        pairs: Any = relation.secondary_synchronize_pairs
        if len(pairs) != 1:
            raise FieldError(f"{relation.key}: the key of the other side has several columns")
        return table, own, pairs[0][1].key

    async def _tied(self) -> list[Any]:
        if self._relation.secondary is None:
            return list(await self.all().order_by().values_list("pk", flat=True))
        table, own, other = self._between()
        mine = and_(*(table.c[name] == value for name, value in own.items()))
        result = await execute(select(table.c[other]).where(mine), using=self._using)
        return list(result.scalars().all())

    async def _tie(self, keys: list[Any]) -> None:
        if keys:
            table, own, other = self._between()
            rows = [{**own, other: key} for key in keys]
            await execute(insert(table), rows, using=self._using, write=True)

    async def _untie(self, keys: list[Any]) -> None:
        if keys:
            table, own, other = self._between()
            mine = and_(*(table.c[name] == value for name, value in own.items()))
            statement = delete(table).where(mine, table.c[other].in_(keys))
            await execute(statement, using=self._using, write=True)

    async def _point(self, keys: list[Any], *, here: bool) -> None:
        """Sets the columns of the rows that point at the instance."""
        from trivium.db.queries.queryset import QuerySet

        mapper: Mapper[Any] = instance_state(self._instance).mapper
        values = {}
        for local, remote in self._relation.synchronize_pairs:
            name = self._target.get_property_by_column(remote).key
            value = getattr(self._instance, mapper.get_property_by_column(local).key)
            values[name] = value if here else None
        query: Any = QuerySet(self._target.class_).using(self._using)
        query = query.filter(pk__in=keys)
        if not here:
            query = query.filter(
                **{
                    self._target.get_property_by_column(remote).key: getattr(
                        self._instance, mapper.get_property_by_column(local).key
                    )
                    for local, remote in self._relation.synchronize_pairs
                }
            )
        count = await query.update(**values)
        if here and count < len(keys):
            kind = self._target.class_
            missing = getattr(kind, "DoesNotExist", DoesNotExist)
            raise missing(f"Of {len(keys)} {kind.__name__} to add, {count} are there")

    async def _tell(self, action: str, keys: list[Any]) -> None:
        kind = type(self._instance)
        if keys and m2m_changed.has_receivers(kind):
            await m2m_changed.send(
                kind,
                self._instance,
                using=self._using,
                action=action,
                relation=self._relation.key,
                keys=keys,
            )

    def _forget(self) -> None:
        instance_dict(self._instance).pop(self._relation.key, None)
