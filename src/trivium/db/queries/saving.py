"""Writing one instance, with its signals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import and_, inspect, update
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_dict, instance_state, set_attribute

from trivium.db.errors import DoesNotExist, FieldError
from trivium.db.execution import execute
from trivium.db.files.keeping import file_names, removed_with, store
from trivium.db.queries.context import Context
from trivium.db.queries.expressions import Expression
from trivium.db.queries.fetching import Prefetch, load_relations
from trivium.db.queries.identity import key_of
from trivium.db.queries.inserting import stored_directly
from trivium.db.queries.state import State
from trivium.db.signals import post_save, pre_save
from trivium.db.transactions import atomic
from trivium.db.units import current_unit

__all__ = ["database_of", "refresh", "save"]


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
    if created and not heard and await stored_directly(instance, using):
        return
    async with atomic(using, savepoint=False) as session:
        if pre_save.has_receivers(model):
            await pre_save.send(model, instance, using=using, created=created, update_fields=fields)
        _resolve_expressions(instance)
        if fields is not None:
            await _update_columns(instance, fields, using)
        else:
            if state.session is not session.sync_session:
                session.add(instance)
            await session.flush()
        if post_save.has_receivers(model):
            await post_save.send(
                model, instance, using=using, created=created, update_fields=fields
            )


def _checked(model: type[Any], names: list[str]) -> list[str]:
    mapper: Mapper[Any] = inspect(model)
    for name in names:
        if name not in mapper.column_attrs:
            raise FieldError(
                f"update_fields: {model.__name__} has no column {name!r}",
                name=name,
                known=mapper.column_attrs.keys(),
            )
    return names


def _resolve_expressions(instance: Any) -> None:
    """``flight.delay = F("delay") + 1`` is computed by the database, not from what is loaded."""
    values = instance_dict(instance)
    waiting = [name for name, value in values.items() if isinstance(value, Expression)]
    for name in waiting:
        model = type(instance)
        context = Context(State(model), model)
        element = values[name].resolve(context)
        if context.scope.joins:
            raise FieldError(f"{name}={values[name]!r} leads through a relation; an UPDATE cannot")
        set_attribute(instance, name, element)


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
    values = {name: instance_dict(instance)[name] for name in names}
    statement = update(model).where(condition).values(values)
    result: Any = await execute(
        statement, using=using, write=True, options={"synchronize_session": False}
    )
    if result.rowcount == 0:
        raise _missing(model, instance)
    state._commit(state.dict, names)
    if any(not isinstance(value, str | int | float | None) for value in values.values()):
        from sqlalchemy import ColumnElement

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
        names = _checked(model, columns) or list(mapper.column_attrs.keys())
        row = await query.values(*names).first()
        if row is None:
            raise _missing(model, instance)
        instance_dict(instance).update(row)
        state._commit(state.dict, names)
    if relations:
        for name in relations:
            instance_dict(instance).pop(name, None)
        await load_relations([instance], [Prefetch(name) for name in relations], using)
