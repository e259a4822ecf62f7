"""Many rows with few statements: ``bulk_create`` and ``bulk_update``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, bindparam, func, inspect, select, tuple_, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_dict, instance_state

from trivium.db.errors import FieldError
from trivium.db.execution import execute
from trivium.db.files.keeping import file_names, removed_with, store
from trivium.db.queries.expressions import Expression
from trivium.db.queries.fitting import fit
from trivium.db.queries.identity import key_of
from trivium.db.queries.inserting_many import many_stored_directly
from trivium.db.queries.saving import (
    column_of,
    left_alone,
    mark_written,
    refresh,
    resolved,
    take_in,
)
from trivium.db.transactions import atomic
from trivium.db.units import current_unit

__all__ = ["Conflicts", "change", "insert"]

BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Conflicts:
    """What becomes of a row that a unique constraint forbids."""

    ignore: bool = False
    update: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        model: type[Any],
        *,
        ignore: bool,
        update: bool,
        update_fields: Sequence[str],
        unique_fields: Sequence[str],
    ) -> Conflicts:
        """Checks what the program asks for. Raises ``FieldError`` where it does not fit."""
        if ignore and update:
            raise FieldError("ignore_conflicts and update_conflicts cannot both be asked for")
        if update and not update_fields:
            raise FieldError(
                "update_conflicts needs the columns to set\n"
                '  instead:  bulk_create(..., update_conflicts=True, update_fields=["name"],'
                ' unique_fields=["code"])'
            )
        if not update and (update_fields or unique_fields):
            raise FieldError("update_fields and unique_fields belong to update_conflicts=True")
        setting = tuple(column_of(model, name, "update_fields") for name in update_fields)
        unique = tuple(column_of(model, name, "unique_fields") for name in unique_fields)
        return cls(ignore, setting, unique)

    @property
    def any(self) -> bool:
        """Whether conflicts are expected at all."""
        return self.ignore or bool(self.update)


async def insert(
    model: type[Any],
    instances: list[Any],
    *,
    using: Any,
    batch_size: int | None,
    conflicts: Conflicts,
) -> list[Any]:
    """INSERTs the instances; they are as stored afterwards."""
    _check_size(batch_size)
    for each in instances:
        if type(each) is not model and not isinstance(each, model):
            raise FieldError(f"{each!r} is not a {model.__name__}")
    if not instances:
        return instances
    mapper: Mapper[Any] = inspect(model)
    if len(mapper.tables) != 1:
        raise FieldError(f"{model.__name__} is spread over several tables; save() each instance")
    has_files = bool(file_names(mapper))
    if has_files and conflicts.any:
        raise FieldError(f"{model.__name__} has files, which cannot be stored with conflicts")
    tied = []
    if mapper.relationships:
        tied = [each for each in instances if _take_keys(each, mapper)]
    parts = list(_parts(instances, batch_size or BATCH))
    if len(parts) == 1 and not conflicts.any and not has_files:
        groups = list(_by_columns(mapper, instances))
        lane = current_unit().lane(using)
        if len(groups) == 1 and await many_stored_directly(mapper, *groups[0], lane):
            for each in tied:
                lane.loose.keep(instance_state(each).key, each)
                lane.loose.watch(instance_state(each))
            return instances
    async with atomic(using, savepoint=False) as session:
        if has_files:
            await store(instances, current_unit().lane(using))
        # the other sides of relations know of instances that the session does not know yet
        with session.sync_session.no_autoflush if tied else nullcontext():
            for part in parts:
                for names, group in _by_columns(mapper, part):
                    await _insert(mapper, names, group, using, conflicts)
        if tied and not conflicts.any:
            session.add_all(tied)
    return instances


def _check_size(batch_size: Any) -> None:
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
        raise FieldError(f"batch_size={batch_size} is not a number of rows")


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _by_columns(
    mapper: Mapper[Any], instances: list[Any]
) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """Instances for which the same columns are given, in their order.

    A column without a default is given as NULL where nobody set it, so nearly always there is one
    group.
    """
    always: list[str] = []
    sometimes: list[str] = []
    for prop in mapper.column_attrs:
        column: Any = prop.columns[0]
        filled = column.default is not None or column.server_default is not None
        table: Any = mapper.local_table
        key = column is table._autoincrement_column
        if column.computed is None and column.table is mapper.local_table:
            (sometimes if filled or key else always).append(prop.key)
    if not sometimes:
        yield tuple(always), instances
        return
    held = list(map(instance_dict, instances))
    if not any(values.get(name) is not None for name in sometimes for values in held):
        yield tuple(always), instances
        return
    groups: dict[tuple[str, ...], list[Any]] = {}
    for each in instances:
        values = instance_dict(each)
        given = tuple(name for name in sometimes if values.get(name) is not None)
        groups.setdefault(given, []).append(each)
    for given, group in groups.items():
        yield (*always, *given), group


async def _insert(
    mapper: Mapper[Any],
    names: tuple[str, ...],
    instances: list[Any],
    using: Any,
    conflicts: Conflicts,
) -> None:
    columns = [mapper.column_attrs[name].columns[0] for name in names]
    keys: list[str] = [column.key for column in columns]
    pairs = list(zip(keys, names, strict=True))
    rows = []
    for each in instances:
        values = instance_dict(each)
        fit(each, values)
        rows.append({key: values.get(name) for key, name in pairs})
    database = current_unit().lane(using).database
    table = mapper.local_table
    statement = _statement(table, database.dialect, mapper, conflicts)
    missing = [column for column in mapper.primary_key if column.key not in keys]
    wanted = [
        prop.columns[0]
        for prop in mapper.column_attrs
        if prop.key not in names and prop.columns[0].table is table
    ]
    if conflicts.any or not (missing or wanted):
        await execute(statement, rows, using=using, write=True)
    else:
        statement = statement.returning(*wanted, sort_by_parameter_order=True)
        result = await execute(statement, rows, using=using, write=True)
        filled = [mapper.get_property_by_column(column).key for column in wanted]
        for each, row in zip(instances, result.all(), strict=True):
            instance_dict(each).update(zip(filled, row, strict=True))
    if not conflicts.any:
        for each in instances:
            _as_stored(each, mapper)


def _take_keys(instance: Any, mapper: Mapper[Any]) -> bool:
    """Takes the keys of related instances that were given instead; whether there were any."""
    values = instance_dict(instance)
    found = False
    for relation in mapper.relationships:
        other = values.get(relation.key)
        if other is None or relation.uselist or relation.direction.name != "MANYTOONE":
            continue
        found = True
        for remote, local in relation.synchronize_pairs:
            name = mapper.get_property_by_column(local).key
            key = relation.mapper.get_property_by_column(remote).key
            if values.get(name) is None:
                values[name] = getattr(other, key)
    return found


def _as_stored(instance: Any, mapper: Mapper[Any]) -> None:
    """Marks an instance as one that stands in the database as it is."""
    state = instance_state(instance)
    state.key = mapper.identity_key_from_instance(instance)
    state._commit_all(state.dict)


def _statement(table: Any, dialect: str, mapper: Mapper[Any], conflicts: Conflicts) -> Any:
    if not conflicts.any:
        return plain_insert(table)
    update_columns = [mapper.column_attrs[name].columns[0] for name in conflicts.update]
    if dialect in ("mysql", "mariadb"):
        made = mysql.insert(table)
        if conflicts.ignore:
            return made.prefix_with("IGNORE")
        return made.on_duplicate_key_update(
            {column.key: made.inserted[column.key] for column in update_columns}
        )
    other: Any = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    if conflicts.ignore:
        return other.on_conflict_do_nothing()
    unique: list[Any] = [mapper.column_attrs[name].columns[0] for name in conflicts.unique]
    return other.on_conflict_do_update(
        index_elements=unique or [*mapper.primary_key],
        set_={column.key: other.excluded[column.key] for column in update_columns},
    )


async def change(
    model: type[Any],
    instances: list[Any],
    fields: list[str],
    *,
    using: Any,
    batch_size: int | None,
) -> int:
    """UPDATEs columns of the instances by their keys; how many rows there were."""
    mapper: Mapper[Any] = inspect(model)
    if not fields:
        raise FieldError(
            'bulk_update() needs the columns to write: bulk_update(flights, ["delay"])'
        )
    _check_size(batch_size)
    names = list(dict.fromkeys(column_of(model, name, "bulk_update()") for name in fields))
    keys = {mapper.get_property_by_column(column).key for column in mapper.primary_key}
    for name in names:
        if name in keys:
            raise FieldError(f"bulk_update() cannot change the key {name!r}")
    for each in instances:
        if not isinstance(each, model):
            raise FieldError(f"{each!r} is not a {model.__name__}")
        if instance_state(each).key is None:
            raise FieldError(f"{each!r} is not stored yet; bulk_create() stores instances")
    if not instances:
        return 0
    table: Any = mapper.local_table
    statement = update(table)
    for number, column in enumerate(mapper.primary_key):
        statement = statement.where(column == bindparam(f"_key{number}", type_=column.type))
    columns = {name: mapper.column_attrs[name].columns[0] for name in names}
    statement = statement.values(
        {column.key: bindparam(f"_{name}", type_=column.type) for name, column in columns.items()}
    )
    count = 0
    files = {name: column for name, column in file_names(mapper).items() if name in names}
    computed: list[Any] = []
    with left_alone(instances, using):
        async with atomic(using, savepoint=False):
            if files:
                await _exchange_files(mapper, instances, files, using)
            for part in _parts(instances, batch_size or BATCH):
                count += await _how_many(mapper, table, part, using)
                rows = [_row_of(each, names) for each in part]
                plain = [row for row in rows if not _has_expression(row)]
                if plain:
                    await execute(statement, plain, using=using, write=True)
                if len(plain) < len(rows):
                    pairs = zip(part, rows, strict=True)
                    computed += [each for each, row in pairs if _has_expression(row)]
            for each in computed:
                await _update_computed(each, names, using)
            for each in computed:
                await refresh(each, names, using=using)
        for each in instances:
            mark_written(each, names)
    return count


async def _exchange_files(
    mapper: Mapper[Any], instances: list[Any], files: dict[str, Any], using: Any
) -> None:
    lane = current_unit().lane(using)
    await store(instances, lane, files)
    kept = [instance_dict(each).get(name) for each in instances for name in files]
    for part in _parts([key_of(each) for each in instances], 900 // len(mapper.primary_key)):
        among = _among(mapper, part)
        await removed_with(mapper.local_table, among, lane, columns=files.values(), but=kept)


def _among(mapper: Mapper[Any], keys: list[Any]) -> Any:
    columns = list(mapper.primary_key)
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return tuple_(*columns).in_(keys)


def _has_expression(row: dict[str, Any]) -> bool:
    return any(isinstance(value, Expression) for value in row.values())


async def _update_computed(instance: Any, names: list[str], using: Any) -> None:
    """One row whose new values the database computes from the old ones."""
    mapper: Mapper[Any] = instance_state(instance).mapper
    keys = zip(mapper.primary_key, key_of(instance), strict=True)
    given = instance_dict(instance)
    values = {name: resolved(instance, name, given[name]) for name in names}
    statement = update(mapper.class_).where(*(column == key for column, key in keys))
    await execute(
        statement.values(values),
        using=using,
        write=True,
        options={"synchronize_session": False},
    )


def _row_of(instance: Any, names: list[str]) -> dict[str, Any]:
    key = key_of(instance)
    values = take_in(instance, names)
    row = {f"_key{number}": part for number, part in enumerate(key)}
    row.update({f"_{name}": values[name] for name in names})
    return row


async def _how_many(mapper: Mapper[Any], table: Any, instances: list[Any], using: Any) -> int:
    """How many of the instances are still in the database; drivers do not tell it of a batch."""
    keys = [key_of(each) for each in instances]
    own: Table = table
    count = 0
    for part in _parts(keys, 900 // len(mapper.primary_key)):
        statement = select(func.count()).select_from(own).where(_among(mapper, part))
        count += int((await execute(statement, using=using)).scalar_one())
    return count
