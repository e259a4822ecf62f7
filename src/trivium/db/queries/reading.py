"""The verbs that ask the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Generator, Iterable
from typing import Any, Generic, Self, overload

from sqlalchemy import Select, select
from sqlalchemy.dialects import postgresql

from trivium.db import errors
from trivium.db.execution import execute
from trivium.db.queries.chain import Chain, M, R
from trivium.db.queries.compiler import compile_aggregates, compile_count, compile_state
from trivium.db.queries.expressions import Expression
from trivium.db.queries.paths import mapper_of
from trivium.db.queries.plans import named, plan_of
from trivium.db.queries.results import annotate, finish, planned_rows, reader_of, rows_of_state
from trivium.db.queries.streaming import streamed

__all__ = ["Reading"]

# More than this many rows in an error message help nobody.
MANY = 21
_make_dialect: Any = postgresql.dialect
DIALECT = _make_dialect()


class Reading(Chain[M, R], Generic[M, R]):
    """A query that can be awaited; see ``QuerySet``."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, list[R]]:
        return self._rows().__await__()

    async def _rows(self) -> list[R]:
        state = self._state
        if state.empty or state.limit == 0:
            return []
        if (planned := plan_of(state)) is not None:
            return await planned_rows(state, *planned)
        compiled = compile_state(state)
        return await rows_of_state(state, compiled.statement, compiled.names)

    def __aiter__(self) -> AsyncIterator[R]:
        return self._each()

    async def _each(self) -> AsyncIterator[R]:
        for row in await self._rows():
            yield row

    def __iter__(self) -> Any:
        raise errors.NotSupported(
            "A query asks the database, so it has to be waited for\n"
            "  written:  for row in qs\n"
            "  instead:  async for row in qs, or: for row in await qs"
        )

    def __bool__(self) -> bool:
        raise errors.NotSupported(
            "Whether a query has rows is known to the database alone\n"
            "  written:  if qs\n"
            "  instead:  if await qs.exists()"
        )

    def __len__(self) -> int:
        raise errors.NotSupported(
            "How many rows a query has is known to the database alone\n"
            "  written:  len(qs)\n"
            "  instead:  await qs.count(), or: len(await qs)"
        )

    @overload
    def __getitem__(self, part: int) -> Awaitable[R]: ...
    @overload
    def __getitem__(self, part: slice) -> Self: ...
    def __getitem__(self, part: int | slice) -> Any:
        """``qs[10:20]`` is a query of ten rows, ``await qs[3]`` the fourth row.

        Raises ``IndexError`` where there is no such row.
        """
        if isinstance(part, slice):
            return self._sliced(part)
        return self._at(part)

    async def _at(self, index: int) -> R:
        for row in await self._sliced(slice(index, index + 1)):
            return row
        raise IndexError(f"the query has no row {index}")

    async def get(self, *conditions: Any, **lookups: Any) -> R:
        """The one row for which the conditions hold.

        Raises the model's ``DoesNotExist`` where there is none, its ``MultipleObjectsReturned``
        where there are several.
        """
        query = self.filter(*conditions, **lookups) if conditions or lookups else self
        if not query._state.is_sliced:
            query = query._next()
            query._state.limit = MANY
            query._state.ordering = ()
        rows = await query._rows()
        if len(rows) == 1:
            return rows[0]
        model = self._state.model
        asked = ", ".join([*map(repr, conditions), *(f"{k}={v!r}" for k, v in lookups.items())])
        if not rows:
            missing = getattr(model, "DoesNotExist", errors.DoesNotExist)
            raise missing(f"There is no {model.__name__} with {asked or 'these conditions'}")
        several = getattr(model, "MultipleObjectsReturned", errors.MultipleObjectsReturned)
        count = len(rows) if len(rows) < MANY else f"more than {MANY - 1}"
        raise several(f"There are {count} {model.__name__} with {asked or 'these conditions'}")

    async def first(self) -> R | None:
        """The first row, by the key where no order is said; ``None`` where there is none."""
        return await self._edge(reverse=False)

    async def last(self) -> R | None:
        """The last row, by the key where no order is said; ``None`` where there is none."""
        return await self._edge(reverse=True)

    async def _edge(self, *, reverse: bool) -> R | None:
        state = self._state
        if reverse and state.is_sliced:
            rows = await self._rows()
            return rows[-1] if rows else None
        query = self._next()
        if not query._is_ordered() and state.grouped is None:
            query._state.ordering = ("pk",)
        if reverse:
            query._state.reverse = not state.reverse
        for row in await query._sliced(slice(0, 1))._rows():
            return row
        return None

    def _is_ordered(self) -> bool:
        ordering = self._state.ordering
        if ordering is not None:
            return bool(ordering)
        return bool(getattr(getattr(self._state.model, "_meta", None), "ordering", ()))

    async def earliest(self, *names: str) -> R:
        """The first row in the order of these columns. ``DoesNotExist`` where there is none."""
        return await self._at_end(names, reverse=False)

    async def latest(self, *names: str) -> R:
        """The last row in the order of these columns. ``DoesNotExist`` where there is none."""
        return await self._at_end(names, reverse=True)

    async def _at_end(self, names: tuple[str, ...], *, reverse: bool) -> R:
        if not names:
            raise errors.FieldError('by which column? latest("departure")')
        query = self.order_by(*names)
        query._state.reverse = reverse
        for row in await query._sliced(slice(0, 1))._rows():
            return row
        model = self._state.model
        missing = getattr(model, "DoesNotExist", errors.DoesNotExist)
        raise missing(f"There is no {model.__name__} with these conditions")

    async def count(self) -> int:
        """How many rows there are."""
        if self._state.empty or self._state.limit == 0:
            return 0
        state = self._state
        if (planned := plan_of(state, compile_count)) is not None:
            plan, values = planned
            result = await execute(plan.statement, named(values), using=state.using)
        else:
            result = await execute(compile_count(state), using=state.using)
        return int(result.scalar_one())

    async def exists(self) -> bool:
        """Whether there is a row."""
        if self._state.empty or self._state.limit == 0:
            return False
        query = self._next()
        state = query._state
        state.related, state.prefetches = (), ()
        if state.grouped is None and state.combined is None and not state.distinct_on:
            state.ordering = ()
        if not state.is_sliced:
            state.limit = 1
        inner = compile_state(state).statement
        result = await execute(select(inner.exists()), using=state.using)
        return bool(result.scalar_one())

    async def contains(self, instance: Any) -> bool:
        """Whether an instance is among the rows."""
        if self._state.is_sliced or self._state.combined:
            return any(row is instance or row == instance for row in await self._rows())
        return await self.filter(pk=instance).exists()

    async def aggregate(self, *expressions: Any, **named: Any) -> dict[str, Any]:
        """Values of all rows together: ``await qs.aggregate(miles=Sum("distance"))``."""
        wanted: dict[str, Expression] = {}
        for each in expressions:
            wanted[each.default_alias] = each
        wanted.update(named)
        for name, each in wanted.items():
            if not isinstance(each, Expression):
                raise errors.FieldError(
                    f"{name}={each!r} is not an aggregate, like Count({each!r})"
                )
        if not wanted:
            return {}
        if self._state.empty:
            return {name: getattr(each, "empty", None) for name, each in wanted.items()}
        statement = compile_aggregates(self._state, wanted)
        result = await execute(statement, using=self._state.using)
        return dict(zip(wanted, result.one(), strict=True))

    async def in_bulk(
        self, keys: Iterable[Any] | None = None, *, field_name: str = "pk"
    ) -> dict[Any, R]:
        """The rows by their key, or by another unique column."""
        mapper = mapper_of(self._state.model)
        name = field_name
        if field_name == "pk":
            if len(mapper.primary_key) != 1:
                raise errors.NotSupported("in_bulk() needs a key of one column")
            name = mapper.get_property_by_column(mapper.primary_key[0]).key
        elif not _is_unique(mapper, field_name):
            raise errors.FieldError(f"{field_name!r} is not unique, so rows would be lost")
        if keys is None:
            return {getattr(row, name): row for row in await self._rows()}
        wanted = list(dict.fromkeys(keys))
        found: dict[Any, R] = {}
        for start in range(0, len(wanted), 900):
            part = self.filter(**{f"{name}__in": wanted[start : start + 900]})
            found.update({getattr(row, name): row for row in await part._rows()})
        return found

    async def iterator(self, chunk_size: int = 2000) -> AsyncIterator[R]:
        """The rows as they come, without holding all of them; the connection is kept meanwhile.

        Relations of ``prefetch_related`` are loaded for each chunk. On MariaDB/MySQL all rows are
        fetched first: it cannot do anything else while rows are still to come.
        """
        if chunk_size < 1:
            raise errors.FieldError(f"chunk_size={chunk_size} is not a number of rows")
        state = self._state
        if state.empty or state.limit == 0:
            return
        compiled = compile_state(state)
        names = compiled.names
        async with streamed(compiled.statement, chunk_size, state.using) as parts:
            async for rows in parts:
                if state.output == "instance":
                    instances = [row[0] for row in rows]
                    if names:
                        for row in rows:
                            annotate(row[0], names, row[1 : len(names) + 1])
                    await finish(state, instances)
                    for instance in instances:
                        yield instance
                else:
                    read = reader_of(state, names)
                    for row in rows:
                        yield read(row)

    async def explain(self, *, analyze: bool = False) -> str:
        """The plan that the database has for the query."""
        from trivium.db.queries.explaining import explain

        return await explain(self.statement, analyze=analyze, using=self._state.using)

    @staticmethod
    async def __trivium_load__(value: Any, annotation: Any) -> Any:
        """Called where a handler returns a query: its rows, with what the response type reads."""
        if isinstance(value, Reading) and value._state.output == "instance" and annotation:
            value = value.for_schema(annotation)
        return await value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._state.model.__name__}>"

    def sql(self) -> str:
        """The statement as PostgreSQL would be sent it, with its values; for reading only."""
        statement: Select[Any] = self.statement
        compiled = statement.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})
        return str(compiled)


def _is_unique(mapper: Any, name: str) -> bool:
    column = mapper.columns.get(name)
    if column is None:
        return False
    if column.unique or list(mapper.primary_key) == [column]:
        return True
    from sqlalchemy import UniqueConstraint

    table = column.table
    unique = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    keys = [list(each.columns) for each in unique]
    keys += [list(each.columns) for each in table.indexes if each.unique]
    return [column] in keys
