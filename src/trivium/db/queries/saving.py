"""Writing one instance, with its signals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, and_, event, inspect, update
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import (
    flag_modified,
    instance_dict,
    instance_state,
    set_attribute,
)

from trivium.db.errors import DoesNotExist, FieldError
from trivium.db.execution import execute
from trivium.db.files.keeping import file_names, removed_with, store
from trivium.db.queries.context import Context
from trivium.db.queries.expressions import Expression
from trivium.db.queries.fetching import Prefetch, load_relations
from trivium.db.queries.fitting import fit
from trivium.db.queries.identity import key_of
from trivium.db.queries.inserting import stored_directly
from trivium.db.queries.paths import column_names, local_key
from trivium.db.queries.state import State
from trivium.db.queries.updating import updated_directly
from trivium.db.sessions import UNDONE, SyncSession
from trivium.db.signals import post_save, pre_save
from trivium.db.transactions import atomic
from trivium.db.units import current_session, current_unit

__all__ = [
    "column_of",
    "database_of",
    "left_alone",
    "mark_written",
    "refresh",
    "resolved",
    "save",
    "take_in",
]


def database_of(model: type[Any], using: Any) -> Any:
    """The database of an instance: as said, or as the model's ``Meta`` says."""
    return using if using is not None else getattr(getattr(model, "_meta", None), "using", None)


async def save(
    instance: Any, *, update_fields: Iterable[str] | None = None, using: Any = None
) -> None:
    """INSERTs a new instance, UPDATEs what has changed of another one."""
    model = type(instance)
    using = database_of(model, using)
    state = instance_state(instance)
    created = state.key is None
    fields = None if update_fields is None else _checked(model, list(update_fields))
    if fields is not None and (created or not fields):
        if created:
            raise FieldError("update_fields is for an instance that is stored already")
        return
    heard = pre_save.has_receivers(model) or post_save.has_receivers(model)
    if fields is None and not heard:
        directly = stored_directly if created else updated_directly
        if await directly(instance, using):
            return
    session = current_session(using)
    own: Any = session.sync_session
    others = left_alone([instance], using) if fields is not None else nullcontext()
    told = own.told(instance) if heard else nullcontext()
    more = {"using": using, "created": created, "update_fields": fields}
    with others, told:
        async with atomic(using, savepoint=False):
            if heard:
                await pre_save.send(model, instance, **more)
            if fields is not None:
                await _update_columns(instance, fields, using)
            else:
                await _write(instance, session)
            if heard:
                await post_save.send(model, instance, **more)


async def _write(instance: Any, session: Any) -> None:
    if instance_dict(instance).pop(UNDONE, False):
        _mark_all(instance)
    if instance_state(instance).session is not session.sync_session:
        session.add(instance)
    await session.flush()


def _mark_all(instance: Any) -> None:
    """Has every column written: what the row holds is not known after a rollback."""
    mapper: Mapper[Any] = instance_state(instance).mapper
    values = instance_dict(instance)
    for attribute in mapper.column_attrs:
        column: Any = attribute.columns[0]
        kept_by_model = column.primary_key or column.onupdate is not None
        if attribute.key in values and not kept_by_model:
            flag_modified(instance, attribute.key)


def column_of(model: type[Any], name: str, where: str) -> str:
    """The column that a name stands for: its own, or the one that holds a reference."""
    mapper: Mapper[Any] = inspect(model)
    if name in mapper.column_attrs:
        return name
    relation = mapper.relationships.get(name)
    if relation is not None and (local := local_key(relation)) is not None:
        return local[1]
    raise FieldError(
        f"{where}: {model.__name__} has no column {name!r}",
        name=str(name),
        known=column_names(mapper),
    )


def _checked(model: type[Any], names: list[str]) -> list[str]:
    return list(dict.fromkeys(column_of(model, name, "update_fields") for name in names))


def holders(mapper: Mapper[Any]) -> dict[str, list[tuple[str, str]]]:
    """The columns that hold references: for each the relations, and what they refer to there."""
    found = _HOLDERS.get(mapper)
    if found is None:
        found = _HOLDERS[mapper] = {}
        for relation in mapper.relationships:
            if (local := local_key(relation)) is not None:
                found.setdefault(local[1], []).append((relation.key, local[0]))
    return found


_HOLDERS: WeakKeyDictionary[Mapper[Any], dict[str, list[tuple[str, str]]]] = WeakKeyDictionary()


def take_in(instance: Any, names: list[str]) -> dict[str, Any]:
    """The values of an instance, with those columns as they are to be written.

    A reference is what the relation has been set to; every value fits its column.
    """
    state = instance_state(instance)
    values = instance_dict(instance)
    references = holders(state.mapper)
    for name in names:
        for relation, target in references.get(name, ()):
            if relation in state.committed_state and relation in values:
                other = values[relation]
                values[name] = None if other is None else getattr(other, target)
        if name not in values:
            # says how it is loaded
            getattr(instance, name)
    fit(instance, names)
    return values


def mark_written(instance: Any, names: list[str]) -> None:
    """Notes that columns are in the database as they stand in the instance."""
    state = instance_state(instance)
    references = holders(state.mapper)
    tied = [each for name in names for each, _ in references.get(name, ())]
    state._commit(state.dict, [*names, *tied])


def resolved(instance: Any, name: str, value: Any) -> Any:
    """``F("delay") + 1`` as SQL of the instance's own row; other values as they are."""
    if not isinstance(value, Expression):
        return value
    model = type(instance)
    context = Context(State(model), model)
    element = value.resolve(context)
    if context.scope.joins:
        raise FieldError(f"{name}={value!r} leads through a relation; an UPDATE cannot")
    return element


def _complete(own: SyncSession, context: Any, instances: Any) -> None:
    """Has values fit their columns, and ``F("delay") + 1`` be computed by the database."""
    computed = own.info.setdefault(COMPUTED, [])
    for instance in (*own.new, *own.dirty):
        fit(instance, instance_state(instance).committed_state)
        values = instance_dict(instance)
        names = [name for name, value in values.items() if isinstance(value, Expression)]
        for name in names:
            set_attribute(instance, name, resolved(instance, name, values[name]))
        if names:
            computed.append((instance, names))


def _read_computed(own: SyncSession, context: Any) -> None:
    """Reads what was computed, because reading it later would need a query that nobody awaits."""
    for instance, names in own.info.pop(COMPUTED, ()):
        own.refresh(instance, names)


COMPUTED = "trivium_computed"
event.listen(SyncSession, "before_flush", _complete)
event.listen(SyncSession, "after_flush_postexec", _read_computed)


@contextmanager
def left_alone(instances: Iterable[Any], using: Any) -> Iterator[None]:
    """Keeps the session from writing what has changed of instances, meanwhile."""
    lane = current_unit().lane(using)
    if lane.has_loose:
        lane.take_in(lane.session)
    own: Any = lane.session.sync_session
    waiting = own.identity_map._modified
    modified = {state for each in instances if (state := instance_state(each)).modified}
    # not those that somebody around leaves alone as well
    states = waiting.intersection(chain(modified, *map(_tied_to, modified)))
    waiting.difference_update(states)
    try:
        yield
    finally:
        for state in states:
            if state.session is own and (state.committed_state or state not in modified):
                waiting.add(state)


def _tied_to(state: Any) -> Iterator[Any]:
    """The other sides of relations that have changed: they would have the instance written."""
    for relation in state.mapper.relationships:
        if relation.key in state.committed_state and not relation.uselist:
            for other in (state.dict.get(relation.key), state.committed_state[relation.key]):
                if hasattr(other, "_sa_instance_state") and instance_state(other).modified:
                    yield instance_state(other)


async def _update_columns(instance: Any, names: list[str], using: Any) -> None:
    model = type(instance)
    state = instance_state(instance)
    mapper: Mapper[Any] = state.mapper
    keys = zip(mapper.primary_key, key_of(instance), strict=True)
    condition = and_(*(column == key for column, key in keys))
    files = {name: column for name, column in file_names(mapper).items() if name in names}
    if files:
        lane = current_unit().lane(using)
        await store([instance], lane, files)
        kept = [instance_dict(instance)[name] for name in files]
        table = mapper.local_table
        await removed_with(table, condition, lane, columns=files.values(), but=kept)
    given = take_in(instance, names)
    values = {name: resolved(instance, name, given[name]) for name in names}
    statement = update(model).where(condition).values(values)
    result: Any = await execute(
        statement, using=using, write=True, options={"synchronize_session": False}
    )
    if result.rowcount == 0:
        raise _missing(model, instance)
    mark_written(instance, names)
    computed = [name for name, value in values.items() if isinstance(value, ColumnElement)]
    if computed:
        await refresh(instance, computed, using=using)


def _missing(model: type[Any], instance: Any) -> DoesNotExist:
    kind = getattr(model, "DoesNotExist", DoesNotExist)
    found: DoesNotExist = kind(f"{instance!r} is not in the database any more")
    return found


async def refresh(instance: Any, names: Iterable[str] = (), *, using: Any = None) -> None:
    """Reads columns again, all of them or those that are named, and relations that are named."""
    from trivium.db.queries.queryset import QuerySet

    model = type(instance)
    using = database_of(model, using)
    state = instance_state(instance)
    if state.key is None:
        raise _missing(model, instance)
    mapper: Mapper[Any] = state.mapper
    wanted = list(names)
    relations = [name for name in wanted if name in mapper.relationships]
    columns = [name for name in wanted if name not in relations]
    if columns or not wanted:
        keys = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
        query: Any = QuerySet(model).using(using)
        query = query.filter(**dict(zip(keys, state.key[1], strict=True)))
        names = [column_of(model, name, "refresh()") for name in columns] or column_names(mapper)
        row = await query.values(*names).first()
        if row is None:
            raise _missing(model, instance)
        instance_dict(instance).update(row)
        state._commit(state.dict, names)
    if relations:
        for name in relations:
            instance_dict(instance).pop(name, None)
        await load_relations([instance], [Prefetch(name) for name in relations], using)
