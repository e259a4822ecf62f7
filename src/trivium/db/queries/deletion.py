"""Deleting rows, and what points at them, by the ``on_delete`` rules.

Everything that is to go is looked for first, so that a rule that forbids it is found before
anything is deleted. Rows that nothing points at, and whose deletion nobody wants to hear of, are
not loaded: one DELETE takes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, delete, select, tuple_, update
from sqlalchemy.orm import Mapper, make_transient
from sqlalchemy.orm.attributes import instance_state

from trivium.db.errors import DoesNotExist, ProtectedError
from trivium.db.execution import execute
from trivium.db.files.column import file_columns
from trivium.db.files.keeping import removed_with
from trivium.db.models.references import (
    CASCADE,
    DO_NOTHING,
    PROTECT,
    RESTRICT,
    SET_DEFAULT,
    SET_NULL,
    OnDelete,
    on_delete_of,
)
from trivium.db.queries.paths import mapper_of
from trivium.db.queries.q import Q
from trivium.db.queries.saving import database_of
from trivium.db.queries.state import State
from trivium.db.signals import post_delete, pre_delete
from trivium.db.transactions import atomic
from trivium.db.units import current_session, current_unit

__all__ = ["delete_instance", "delete_rows"]

BATCH = 900
SHOWN = 5


async def delete_instance(instance: Any, *, using: Any = None) -> tuple[int, dict[str, int]]:
    """Deletes the row of an instance, which is as new afterwards."""
    model = type(instance)
    state = instance_state(instance)
    if state.key is None:
        raise DoesNotExist(f"{instance!r} is not stored, so it cannot be deleted")
    mapper = mapper_of(model)
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    wanted = State(model)
    wanted.using = database_of(model, using)
    wanted.filters = (Q(**dict(zip(names, state.key[1], strict=True))),)
    found = await delete_rows(wanted, given={state.key[1]: instance})
    make_transient(instance)
    return found


async def delete_rows(
    state: State, given: dict[tuple[Any, ...], Any] | None = None
) -> tuple[int, dict[str, int]]:
    """Deletes the rows of a query; ``given`` are instances that are at hand already."""
    from trivium.db.queries.writing import condition_of

    mapper = mapper_of(state.model)
    async with atomic(state.using, savepoint=False) as session:
        await session.flush()
        condition = condition_of(state)
        if _is_simple(mapper):
            table: Any = mapper.local_table
            statement = delete(table).where(condition)
            result: Any = await execute(statement, using=state.using, write=True)
            _forget_all(mapper, state.using, given)
            return _told({mapper.class_.__name__: int(result.rowcount)})
        collector = _Collector(state.using, given or {})
        await collector.collect(mapper, await collector.rows(mapper, condition))
        await collector.check_restricted()
        return await collector.delete()


def _told(counts: dict[str, int]) -> tuple[int, dict[str, int]]:
    found = {name: count for name, count in counts.items() if count}
    return sum(found.values()), found


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that points at a table."""

    column: Column[Any]
    target: Column[Any]
    mapper: Mapper[Any] | None
    """The class whose rows point; ``None`` for a table between two classes."""
    rule: OnDelete


def references_to(mapper: Mapper[Any]) -> list[Reference]:
    """Everything that points at the rows of a class."""
    tables = set(mapper.tables)
    owners: dict[Any, Mapper[Any]] = {}
    for each in mapper.registry.mappers:
        owners.setdefault(each.local_table, each)
    found = []
    metadatas = {table.metadata for table in tables if isinstance(table, Table)}
    for metadata in metadatas:
        for table in metadata.tables.values():
            owner = owners.get(table)
            for column in table.columns:
                for key in column.foreign_keys:
                    if key.column.table not in tables:
                        continue
                    if owner is not None and owner.isa(mapper) and column.primary_key:
                        # the second table of a subclass is part of the same row
                        continue
                    rule = on_delete_of(column)
                    if owner is None and rule is DO_NOTHING:
                        rule = CASCADE
                    found.append(Reference(column, key.column, owner, rule))
    return found


def _is_heard(mapper: Mapper[Any]) -> bool:
    """Whether somebody wants to hear of each instance that is deleted."""
    return pre_delete.has_receivers(mapper.class_) or post_delete.has_receivers(mapper.class_)


def _is_simple(mapper: Mapper[Any]) -> bool:
    """Whether one DELETE takes the rows: nothing points at them, and nobody wants to hear."""
    parts = list(mapper.self_and_descendants)
    plain = all(len(each.tables) == 1 and not file_columns(each.local_table) for each in parts)
    return plain and not references_to(mapper) and not _is_heard(mapper)


class _Collector:
    """What is going to be deleted and changed."""

    def __init__(self, using: Any, given: dict[tuple[Any, ...], Any]) -> None:
        self.using = using
        self.given = given
        self.found: dict[Mapper[Any], dict[tuple[Any, ...], Any]] = {}
        self.instances: dict[Mapper[Any], list[Any]] = {}
        self.at_once: list[tuple[Reference, list[Any]]] = []
        self.changes: list[tuple[Reference, list[Any]]] = []
        self.restricted: list[tuple[Reference, list[Any]]] = []

    async def rows(self, mapper: Mapper[Any], condition: Any) -> list[Any]:
        """The rows of a class as mappings of its columns: keys, and what others point at."""
        wanted = list(mapper.primary_key)
        for reference in references_to(mapper):
            if reference.target not in wanted:
                wanted.append(reference.target)
        statement = select(*wanted).select_from(mapper).where(condition)
        result = await execute(statement, using=self.using)
        return [dict(zip(wanted, row, strict=True)) for row in result.all()]

    async def collect(self, mapper: Mapper[Any], rows: Sequence[dict[Any, Any]]) -> None:
        """Notes rows, and follows what points at them."""
        known = self.found.setdefault(mapper, {})
        fresh = []
        for row in rows:
            key = tuple(row[column] for column in mapper.primary_key)
            if key not in known:
                known[key] = row
                fresh.append(row)
        if not fresh:
            return
        for reference in references_to(mapper):
            values = [row[reference.target] for row in fresh]
            await self._follow(reference, [value for value in values if value is not None])

    async def _follow(self, reference: Reference, values: list[Any]) -> None:
        rule, owner = reference.rule, reference.mapper
        if rule is DO_NOTHING or not values:
            return
        if rule is PROTECT:
            await self._refuse(reference, values)
        elif rule is RESTRICT:
            self.restricted.append((reference, values))
        elif rule is not CASCADE:
            self.changes.append((reference, values))
        elif owner is None or (_is_simple(owner) and owner not in self.found):
            self.at_once.append((reference, values))
        else:
            for part in _parts(values):
                await self.collect(owner, await self.rows(owner, reference.column.in_(part)))

    async def _refuse(self, reference: Reference, values: list[Any]) -> None:
        """Raises ``ProtectedError`` where rows point at those that are to go."""
        from trivium.db.queries.queryset import QuerySet

        owner = reference.mapper
        for part in _parts(values):
            if owner is None:
                statement = select(reference.column).where(reference.column.in_(part)).limit(SHOWN)
                found: list[Any] = list((await execute(statement, using=self.using)).all())
            else:
                name = owner.get_property_by_column(reference.column).key
                query: Any = QuerySet(owner.class_).using(self.using)
                found = await query.filter(**{f"{name}__in": part})[:SHOWN]
            if found:
                who = reference.column.table.name if owner is None else owner.class_.__name__
                raise ProtectedError(
                    f"Rows of {reference.target.table.name} cannot be deleted: {who} points at"
                    f" them by {reference.column.name}, on_delete={reference.rule!r}\n"
                    f"  such as: {', '.join(map(repr, found))}",
                    found,
                )

    async def check_restricted(self) -> None:
        """A row that is restricted may go only if it is deleted by this call itself."""
        for reference, values in self.restricted:
            owner = reference.mapper
            if owner is None:
                await self._refuse(reference, values)
                continue
            known = self.found.get(owner, {})
            for part in _parts(values):
                rows = await self.rows(owner, reference.column.in_(part))
                keys = [tuple(row[column] for column in owner.primary_key) for row in rows]
                if any(key not in known for key in keys):
                    await self._refuse(reference, part)

    async def delete(self) -> tuple[int, dict[str, int]]:
        """Does it all: the rows that point first."""
        await self._load_heard()
        for mapper, instances in self.instances.items():
            for each in instances:
                await pre_delete.send(mapper.class_, each, using=self.using)
        counts: dict[str, int] = {}
        for reference, values in self.changes:
            await self._change(reference, values)
        for reference, values in self.at_once:
            owner = reference.mapper
            name = reference.column.table.name if owner is None else owner.class_.__name__
            for part in _parts(values):
                statement = delete(reference.column.table).where(reference.column.in_(part))
                result: Any = await execute(statement, using=self.using, write=True)
                counts[name] = counts.get(name, 0) + int(result.rowcount)
        for mapper in self._in_order():
            found = self.found[mapper]
            name = mapper.class_.__name__
            for part in _parts(list(reversed(found))):
                await self._delete(mapper, part)
            # SQLite does not count rows that its own cascade has taken before
            counts[name] = counts.get(name, 0) + len(found)
            _forget(mapper, found, self.using)
        for mapper, instances in self.instances.items():
            for each in instances:
                await post_delete.send(mapper.class_, each, using=self.using)
        return _told(counts)

    def _in_order(self) -> list[Mapper[Any]]:
        """The classes, those that point at others before these; a circle is the database's."""
        ordered: dict[Mapper[Any], None] = {}
        seen: set[Mapper[Any]] = set()

        def visit(mapper: Mapper[Any]) -> None:
            if mapper not in self.found or mapper in seen:
                return
            seen.add(mapper)
            for reference in references_to(mapper):
                if reference.mapper is not None:
                    visit(reference.mapper)
            ordered[mapper] = None

        for each in self.found:
            visit(each)
        return list(ordered)

    async def _load_heard(self) -> None:
        """The instances of the classes whose deletion somebody wants to hear of."""
        from trivium.db.queries.queryset import QuerySet

        for mapper, found in self.found.items():
            if not _is_heard(mapper):
                continue
            given = [self.given[key] for key in found if key in self.given]
            missing = [key for key in found if key not in self.given]
            loaded: list[Any] = []
            for part in _parts(missing):
                query: Any = QuerySet(mapper.class_).using(self.using)
                loaded += await query.filter(_among(mapper, part))
            self.instances[mapper] = [*given, *loaded]

    async def _change(self, reference: Reference, values: list[Any]) -> None:
        rule = reference.rule
        if rule is SET_NULL:
            value: Any = None
        elif rule is SET_DEFAULT:
            default: Any = reference.column.default
            value = None if default is None else default.arg
            value = value(None) if callable(value) else value
        else:
            value = rule.value() if callable(rule.value) else rule.value
        for part in _parts(values):
            statement = (
                update(reference.column.table)
                .where(reference.column.in_(part))
                .values({reference.column: value})
            )
            await execute(statement, using=self.using, write=True)

    async def _delete(self, mapper: Mapper[Any], keys: list[tuple[Any, ...]]) -> None:
        tables: dict[Any, None] = {}
        for each in mapper.self_and_descendants:
            tables.update(dict.fromkeys(each.tables))
        for table in reversed(list(tables)):
            columns = list(table.primary_key)
            among = (
                columns[0].in_([key[0] for key in keys])
                if len(columns) == 1
                else tuple_(*columns).in_(keys)
            )
            if file_columns(table):
                await removed_with(table, among, current_unit().lane(self.using))
            await execute(delete(table).where(among), using=self.using, write=True)


def _among(mapper: Mapper[Any], keys: list[tuple[Any, ...]]) -> Any:
    columns = list(mapper.primary_key)
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)


def _parts(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]


def _forget(mapper: Mapper[Any], keys: dict[tuple[Any, ...], Any], using: Any) -> None:
    """Takes deleted instances out of the session, which would write them again."""
    session = current_session(using)
    known = session.sync_session.identity_map
    for key in keys:
        instance = known.get(mapper.identity_key_from_primary_key(key))
        if instance is not None:
            session.expunge(instance)


def _forget_all(mapper: Mapper[Any], using: Any, given: Any) -> None:
    if given:
        _forget(mapper, given, using)
