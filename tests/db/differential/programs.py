"""Programs that write, run by both sides: what each step gave, and all rows afterwards.

A program is a list of steps. A step is the text of an expression, ``name = expression`` or
``name.attribute = expression``; a list of steps is a block of ``atomic``, and ``"fail"`` an error
that leaves it. What the sides write differently has one name for both, as ``tied(flight, "tags")``
for the other side of a relation to many.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core import exceptions as dj_errors
from django.db import models as dj
from django.db import transaction as dj_transaction
from django.db import utils as dj_db_errors
from pydantic import ValidationError

import trivium.db as ours
from tests.db.differential.both import plain

Step = Any
"""A text, or a list of steps: mypy knows no type that holds itself."""

ASSIGNED = re.compile(r"^(\w+) = (.*)$", re.DOTALL)
SET = re.compile(r"^(\w+)\.(\w+) = (.*)$", re.DOTALL)

THEIRS: tuple[tuple[type[Exception], str], ...] = (
    (dj.ProtectedError, "protected"),
    (dj.RestrictedError, "protected"),
    (dj_db_errors.IntegrityError, "integrity"),
    (dj_errors.ObjectDoesNotExist, "missing"),
    (dj_errors.MultipleObjectsReturned, "several"),
    (dj_errors.FieldError, "mistake"),
    (dj_errors.FieldDoesNotExist, "mistake"),
    (dj_errors.ValidationError, "mistake"),
    (dj_db_errors.NotSupportedError, "mistake"),
    (dj_db_errors.DataError, "mistake"),
    (dj_db_errors.DatabaseError, "missing"),  # update_fields of a row that is gone
    (ValueError, "mistake"),
    (OverflowError, "mistake"),
    (TypeError, "mistake"),
)
OURS: tuple[tuple[type[Exception], str], ...] = (
    (ours.ProtectedError, "protected"),
    (ours.IntegrityFailure, "integrity"),
    (ours.DoesNotExist, "missing"),
    (ours.MultipleObjectsReturned, "several"),
    (ours.FieldError, "mistake"),
    (ours.InvalidValue, "mistake"),
    (ValidationError, "mistake"),
    (ours.NotSupported, "mistake"),
)


class Undone(Exception):
    """What ``fail`` raises."""


def kind_of(error: Exception, kinds: tuple[tuple[type[Exception], str], ...]) -> str:
    """What an error says, in words of both sides."""
    if isinstance(error, NameError | KeyError):
        # of a step before, that has failed
        return "error: no such name"
    for each, kind in kinds:
        if isinstance(error, each):
            return f"error: {kind}"
    raise error


def counted(found: Any) -> Any:
    """A result in a form that both sides can be compared in."""
    if isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], dict):
        # what a deletion tells of each model
        names = {name.rpartition(".")[2]: count for name, count in found[1].items() if count}
        return [found[0], {TABLES.get(name, name): count for name, count in names.items()}]
    return plain(found)


TABLES = {"Flight_tags": "flight_tag", "Friend": "driver_friend"}


class Django:
    """Runs programs with Django's ORM."""

    def __init__(self, names: dict[str, Any], alias: str) -> None:
        self._names = {**names, "tied": getattr, "fetched": lambda obj, name: getattr(obj, name)}
        self._alias = alias

    def run(self, program: list[Step]) -> list[Any]:
        """What each step gave."""
        names = dict(self._names)
        return [self._step(step, names) for step in program]

    def _step(self, step: Step, names: dict[str, Any]) -> Any:
        found: list[Any] = []
        try:
            if isinstance(step, str):
                return counted(self._evaluated(step, names))
            with dj_transaction.atomic(using=self._alias):
                for each in step:
                    found.append(self._within(each, names))
        except Undone:
            return [*found, "undone"]
        except Exception as error:
            return [*found, kind_of(error, THEIRS)] if found else kind_of(error, THEIRS)
        return found

    def _within(self, step: Step, names: dict[str, Any]) -> Any:
        """A step of a block, whose errors leave the block."""
        if isinstance(step, str):
            return counted(self._evaluated(step, names))
        return self._step(step, names)

    def _evaluated(self, step: str, names: dict[str, Any]) -> Any:
        def value_of(text: str) -> Any:
            found = eval(text, names)
            return list(found) if isinstance(found, dj.QuerySet) else found

        if step == "fail":
            raise Undone
        if match := ASSIGNED.match(step):
            names[match[1]] = value_of(match[2])
            return None
        if match := SET.match(step):
            setattr(names[match[1]], match[2], value_of(match[3]))
            return None
        return value_of(step)


class Trivium:
    """Runs programs with Trivium's models."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = {**names, "tied": lambda obj, name: obj.related(name)}

    async def run(self, program: list[Step]) -> list[Any]:
        """What each step gave."""
        names = dict(self._names)
        return [await self._step(step, names) for step in program]

    async def _step(self, step: Step, names: dict[str, Any]) -> Any:
        found: list[Any] = []
        try:
            if isinstance(step, str):
                return counted(await self._evaluated(step, names))
            async with ours.atomic():
                for each in step:
                    found.append(await self._within(each, names))
        except Undone:
            return [*found, "undone"]
        except Exception as error:
            return [*found, kind_of(error, OURS)] if found else kind_of(error, OURS)
        return found

    async def _within(self, step: Step, names: dict[str, Any]) -> Any:
        if isinstance(step, str):
            return counted(await self._evaluated(step, names))
        return await self._step(step, names)

    async def _evaluated(self, step: str, names: dict[str, Any]) -> Any:
        async def value_of(text: str) -> Any:
            found = eval(text, names)
            return await found if inspect.isawaitable(found) else found

        if step == "fail":
            raise Undone
        if match := ASSIGNED.match(step):
            names[match[1]] = await value_of(match[2])
            return None
        if match := SET.match(step):
            setattr(names[match[1]], match[2], await value_of(match[3]))
            return None
        return await value_of(step)


class Tables:
    """The rows of all tables, read and put back past both sides."""

    def __init__(self, connection: Any, names: dict[str, list[str]]) -> None:
        self._connection = connection
        self._names = names
        self._kept = self._rows()
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                # nobody reads them after a crash
                cursor.execute("PRAGMA synchronous = OFF")
        self._restore()

    @contextmanager
    def changed(self) -> Iterator[Callable[[], dict[str, list[Any]]]]:
        """A block that changes rows, which are put back; it is given what reads them."""
        try:
            yield self._rows
        finally:
            self._restore()

    def _rows(self) -> dict[str, list[Any]]:
        found = {}
        with self._connection.cursor() as cursor:
            for name, keys in self._names.items():
                order = ", ".join(keys)
                cursor.execute(f'SELECT * FROM "{name}" ORDER BY {order}')
                found[name] = [tuple(row) for row in cursor.fetchall()]
        return found

    def _restore(self) -> None:
        """The rows as they were, with keys that go on from them."""
        postgres = self._connection.vendor == "postgresql"
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SET session_replication_role = replica" if postgres else "PRAGMA foreign_keys = 0"
            )
            for name in self._names:
                cursor.execute(f'DELETE FROM "{name}"')
            for name in self._names:
                if rows := self._kept[name]:
                    places = ", ".join(["%s"] * len(rows[0]))
                    cursor.executemany(f'INSERT INTO "{name}" VALUES ({places})', rows)
            cursor.execute(
                "SET session_replication_role = origin" if postgres else "PRAGMA foreign_keys = 1"
            )
            if postgres:
                for name in self._names:
                    cursor.execute(GO_ON, [name])


# Keys are given out from behind the rows again; tables whose key is not counted have no sequence.
GO_ON = """
    SELECT setval(pg_get_serial_sequence(table_name, column_name),
        (xpath('/row/m/text()', query_to_xml(
            format('SELECT max(%%I) AS m FROM %%I', column_name, table_name), true, true, ''
        )))[1]::text::bigint)
    FROM information_schema.columns
    WHERE table_name = %s AND table_schema = 'public' AND column_default LIKE 'nextval(%%'
"""

Maker = Callable[[int], list[Step]]
