"""Rows of a result become what the query promises: instances, dictionaries, tuples, values."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm.attributes import instance_dict

from trivium.db.execution import execute
from trivium.db.queries.fetching import load_relations, remember_peers
from trivium.db.queries.plans import Plan, named
from trivium.db.queries.quick import read
from trivium.db.queries.state import State

__all__ = ["finish", "instances_of", "planned_rows", "reader_of", "rows_of_state"]

# What is read is what the database holds now. Changes that are not written yet are flushed before
# the statement, so nothing is overwritten by it.
FRESH = {"populate_existing": True}


async def rows_of_state(state: State, statement: Select[Any], names: tuple[str, ...]) -> list[Any]:
    """Everything that the query gives."""
    if state.output == "instance":
        found = [instance for instance, _ in await instances_of(state, statement, names)]
        await finish(state, found)
        return found
    result = await execute(statement, using=state.using)
    read = reader_of(state, names)
    return [read(row) for row in result.all()]


async def planned_rows(state: State, plan: Plan, values: list[Any]) -> list[Any]:
    """The instances of a query of a known shape."""
    found = await read(state, plan, values)
    if found is None:
        result = await execute(plan.statement, named(values), using=state.using, options=FRESH)
        found = list(result.scalars().all())
    await finish(state, found)
    return found


async def instances_of(
    state: State, statement: Select[Any], names: tuple[str, ...], *, extra: int = 0
) -> list[tuple[Any, Sequence[Any]]]:
    """Each instance with the columns that the statement has at its end besides."""
    result = await execute(statement, using=state.using, options=FRESH)
    if not names and not extra:
        return [(instance, ()) for instance in result.scalars().all()]
    found: list[tuple[Any, Sequence[Any]]] = []
    count = len(names)
    for row in result.all():
        instance = row[0]
        if names:
            annotate(instance, names, row[1 : count + 1])
        found.append((instance, row[count + 1 :]))
    return found


def annotate(instance: Any, names: Sequence[str], values: Sequence[Any]) -> None:
    """Puts computed values into an instance, as plain attributes."""
    instance_dict(instance).update(zip(names, values, strict=True))


async def finish(state: State, instances: list[Any]) -> None:
    """Remembers who came together, and loads the relations that the query asked for."""
    if len(instances) > 1:
        remember_peers(instances)
    if state.prefetches:
        await load_relations(
            instances, state.prefetches, state.using, with_deleted=state.with_deleted
        )


def reader_of(state: State, names: tuple[str, ...]) -> Callable[[Any], Any]:
    """How one row without an instance is read."""
    if state.output == "flat":
        return _first
    if state.output == "named":
        make: Any = namedtuple  # a function that mypy takes for a declaration
        kind = make("Row", names)
        return lambda row: kind(*row)
    if state.output == "dict":
        return lambda row: dict(zip(names, row, strict=True))
    return tuple


def _first(row: Any) -> Any:
    return row[0]
