"""Each kind of change of the models is seen, made, and then seen no more; the rows stay."""

from __future__ import annotations

import enum
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.runtime.plugins import Plugin
from alembic.util import PriorityDispatchResult

from tests.db.migrations.schema import Answers, History, metadata, table
from trivium.db.migrations.errors import AnswerNeeded, MigrationFailed

# Each makes a database, migrates it, and asks it about two schemas.
pytestmark = pytest.mark.slow


class Status(enum.Enum):
    PLANNED = "planned"
    FLOWN = "flown"


class LongerStatus(enum.Enum):
    PLANNED = "planned"
    CANCELLED = "cancelled"
    FLOWN = "flown"


def flight(*items: Any, **options: Any) -> sa.MetaData:
    return metadata(table("flight", *items, **options))


def column(*arguments: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column("price", *arguments, **options)


CHANGES: dict[str, tuple[Any, Any]] = {
    "a table more": (flight(), metadata(table("flight"), table("airline"))),
    "a table less": (metadata(table("flight"), table("airline")), flight()),
    "a column more": (flight(), flight(column(sa.Integer))),
    "a column less": (flight(column(sa.Integer)), flight()),
    "a type": (flight(column(sa.Integer)), flight(column(sa.String(20)))),
    "a length": (flight(column(sa.String(10))), flight(column(sa.String(20)))),
    "nullable": (flight(column(sa.Integer, nullable=False)), flight(column(sa.Integer))),
    "not nullable": (flight(column(sa.Integer)), flight(column(sa.Integer, nullable=False))),
    "a default": (
        flight(column(sa.Integer, server_default="1")),
        flight(column(sa.Integer, server_default="2")),
    ),
    "a default more": (
        flight(column(sa.String(9))),
        flight(column(sa.String(9), server_default="it's")),
    ),
    "a default less": (
        flight(column(sa.DateTime, server_default=sa.func.now())),
        flight(column(sa.DateTime)),
    ),
    "a check's text": (
        flight(column(sa.Integer), sa.CheckConstraint("price > 0", name="price")),
        flight(column(sa.Integer), sa.CheckConstraint("price >= 0", name="price")),
    ),
    "a check more": (
        flight(column(sa.String(9))),
        flight(column(sa.String(9)), sa.CheckConstraint("price IN ('1', '2')", name="known")),
    ),
    "a check less": (
        flight(column(sa.Integer), sa.CheckConstraint("price > 0", name="price")),
        flight(column(sa.Integer)),
    ),
    "an index more": (flight(column(sa.Integer)), flight(column(sa.Integer, index=True))),
    "an index less": (flight(column(sa.Integer, index=True)), flight(column(sa.Integer))),
    "a unique index": (
        flight(column(sa.Integer), sa.Index("ix_flight_price", "price")),
        flight(column(sa.Integer), sa.Index("ix_flight_price", "price", unique=True)),
    ),
    "a unique constraint": (
        flight(column(sa.String(9))),
        flight(column(sa.String(9), unique=True)),
    ),
    "a reference": (
        metadata(table("airline"), table("flight", sa.Column("airline_id", sa.Integer))),
        metadata(
            table("airline"),
            table("flight", sa.Column("airline_id", sa.ForeignKey("airline.id"))),
        ),
    ),
    "what becomes of a reference": (
        metadata(
            table("airline"),
            table("flight", sa.Column("airline_id", sa.ForeignKey("airline.id"))),
        ),
        metadata(
            table("airline"),
            table(
                "flight", sa.Column("airline_id", sa.ForeignKey("airline.id", ondelete="CASCADE"))
            ),
        ),
    ),
    "members of an enum": (
        flight(sa.Column("status", sa.Enum(Status, create_constraint=True, name="status"))),
        flight(sa.Column("status", sa.Enum(LongerStatus, create_constraint=True, name="status"))),
    ),
    "a circle of references": (
        flight(),
        metadata(
            table("flight", sa.Column("next_id", sa.ForeignKey("flight.id"))),
            table("airline", sa.Column("flight_id", sa.ForeignKey("flight.id"))),
        ),
    ),
}

EXPRESSIONS: dict[str, tuple[Any, Any]] = {
    "an index on an expression": (
        flight(column(sa.String(9))),
        flight(column(sa.String(9)), sa.Index("ix_low", sa.text("lower(price)"))),
    ),
    "the expression of an index": (
        flight(column(sa.String(9)), sa.Index("ix_low", sa.text("lower(price)"))),
        flight(column(sa.String(9)), sa.Index("ix_low", sa.text("upper(price)"))),
    ),
    "the condition of an index": (
        flight(
            column(sa.Integer),
            sa.Index(
                "ix_part",
                "price",
                sqlite_where=sa.text("price > 1"),
                postgresql_where=sa.text("price > 1"),
            ),
        ),
        flight(
            column(sa.Integer),
            sa.Index(
                "ix_part",
                "price",
                sqlite_where=sa.text("price > 2"),
                postgresql_where=sa.text("price > 2"),
            ),
        ),
    ),
    "a generated column": (
        flight(column(sa.Integer)),
        flight(column(sa.Integer), sa.Column("double", sa.Integer, sa.Computed("price * 2", True))),
    ),
    "the expression of a generated column": (
        flight(column(sa.Integer), sa.Column("double", sa.Integer, sa.Computed("price * 2", True))),
        flight(
            column(sa.Integer), sa.Column("double", sa.Integer, sa.Computed("price + price", True))
        ),
    ),
    "a default that is an expression": (
        flight(column(sa.Integer, server_default=sa.text("(1 + 1)"))),
        flight(column(sa.Integer, server_default=sa.text("(1 + 2)"))),
    ),
}


def rows_for(models: sa.MetaData) -> list[dict[str, Any]]:
    columns = models.tables["flight"].columns
    return [
        {"id": number}
        | ({"price": columns["price"].type.python_type(number)} if "price" in columns else {})
        for number in (1, 2)
        if "price" not in columns or columns["price"].type.python_type in (int, str)
    ]


async def check_both_ways(history: History, before: sa.MetaData, after: sa.MetaData) -> None:
    await history.become(before)
    assert await history.changes() == []
    if rows := rows_for(before):
        await history.insert("flight", *rows)
    kept = await history.rows("SELECT id FROM flight ORDER BY id")

    assert await history.become(after) != []

    assert await history.changes() == []
    assert await history.rows("SELECT id FROM flight ORDER BY id") == kept
    await history.migrate("-1")
    history.models = before
    history.forget_last()
    assert await history.changes() == []
    assert await history.rows("SELECT id FROM flight ORDER BY id") == kept


@pytest.mark.essential
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_is_seen_made_and_undone(
    history: History, change: tuple[sa.MetaData, sa.MetaData]
) -> None:
    await check_both_ways(history, *change)


@pytest.mark.parametrize("change", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
async def test_a_changed_expression_is_seen_made_and_undone(
    history: History, change: tuple[sa.MetaData, sa.MetaData]
) -> None:
    await check_both_ways(history, *change)


@pytest.mark.on("postgresql", "mariadb")
async def test_comments_are_seen_where_the_database_has_them(history: History) -> None:
    await history.become(flight(column(sa.Integer, comment="in cents"), comment="Departures"))

    words = await history.become(flight(column(sa.Integer, comment="in euros"), comment="Flights"))

    assert words == ["alter flight.price", "comment on flight"]
    assert await history.changes() == []


@pytest.mark.on("postgresql")
async def test_an_enum_loses_a_member_that_no_row_has(history: History) -> None:
    await history.become(flight(sa.Column("status", sa.Enum("a", "b", name="status"))))
    await history.insert("flight", {"id": 1, "status": "a"})

    await history.become(
        flight(sa.Column("status", sa.Enum("c", "a", name="status"), server_default="c"))
    )

    await history.insert("flight", {"id": 2})
    assert await history.rows("SELECT status FROM flight ORDER BY id") == [("a",), ("c",)]
    assert await history.changes() == []


@pytest.mark.on("postgresql")
async def test_an_enum_keeps_a_member_that_a_row_has(history: History) -> None:
    await history.become(flight(sa.Column("status", sa.Enum("a", "b", name="status"))))
    await history.insert("flight", {"id": 1, "status": "b"})

    with pytest.raises(MigrationFailed, match='invalid input value for enum status: "b"'):
        await history.become(flight(sa.Column("status", sa.Enum("a", name="status"))))

    assert await history.rows("SELECT status FROM flight") == [("b",)]


@pytest.mark.on("postgresql")
async def test_an_enum_goes_with_its_last_column(history: History) -> None:
    status = sa.Enum("a", name="status")
    await history.become(metadata(table("flight", sa.Column("status", status)), table("airline")))

    await history.become(metadata(table("airline", sa.Column("status", sa.String(9)))))

    assert await history.rows("SELECT typname FROM pg_type WHERE typname = 'status'") == []


# -- Values for the rows there are -----------------------------------------------------------------


@pytest.mark.essential
async def test_a_column_that_needs_a_value_gets_the_models_default(history: History) -> None:
    await history.become(flight())
    await history.insert("flight", {"id": 1})

    await history.become(
        flight(
            column(sa.Integer, nullable=False, default=7),
            sa.Column("open", sa.Boolean, nullable=False, default=True),
            sa.Column("gate", sa.String(9), nullable=False, default="it's"),
        )
    )

    assert await history.rows("SELECT price, gate FROM flight WHERE open") == [(7, "it's")]
    assert await history.changes() == []


@pytest.mark.essential
async def test_a_column_that_needs_a_value_is_asked_about(history: History) -> None:
    await history.become(flight())
    await history.insert("flight", {"id": 1})
    answers = Answers(value="1 + 2")

    await history.become(flight(column(sa.Integer, nullable=False)), answers)

    assert answers.asked == [("flight", "price", "INTEGER")]
    assert await history.rows("SELECT price FROM flight") == [(3,)]


@pytest.mark.essential
async def test_a_colon_in_a_value_is_a_colon(history: History) -> None:
    await history.become(flight(column(sa.String(9))))
    await history.insert("flight", {"id": 1, "price": None})

    await history.become(
        flight(
            column(sa.String(9), nullable=False, default=":a"),
            sa.Column("gate", sa.String(9), nullable=False, default="at :b"),
            sa.CheckConstraint(r"gate <> '\:c'", name="gate"),
        )
    )

    assert await history.rows("SELECT price, gate FROM flight") == [(":a", "at :b")]
    assert await history.changes() == []


async def test_a_value_that_nobody_gives_is_an_error_that_names_the_column(
    history: History,
) -> None:
    await history.become(flight())

    with pytest.raises(AnswerNeeded, match=r"flight\.price is NOT NULL and has no default"):
        await history.make(flight(column(sa.Integer, nullable=False)))

    assert len(list(history.directory.glob("*.py"))) == 1


@pytest.mark.essential
async def test_null_becomes_the_models_default_where_it_is_not_allowed_any_more(
    history: History,
) -> None:
    await history.become(flight(column(sa.Integer)))
    await history.insert("flight", {"id": 1, "price": None}, {"id": 2, "price": 2})

    await history.become(flight(column(sa.Integer, nullable=False, default=7)))

    assert await history.rows("SELECT price FROM flight ORDER BY id") == [(7,), (2,)]


# -- Renaming --------------------------------------------------------------------------------------


@pytest.mark.essential
async def test_a_renamed_table_keeps_its_rows_and_what_refers_to_it(history: History) -> None:
    def models(name: str) -> sa.MetaData:
        return metadata(
            table(name, sa.Column("code", sa.String(3), unique=True)),
            table("flight", sa.Column("airline_id", sa.ForeignKey(f"{name}.id"), index=True)),
        )

    await history.become(models("carrier"))
    await history.insert("carrier", {"id": 1, "code": "AA"})
    await history.insert("flight", {"id": 1, "airline_id": 1})

    await history.become(models("airline"), Answers(("carrier", "airline")))

    assert await history.rows(
        "SELECT code FROM airline JOIN flight ON airline_id = airline.id"
    ) == [("AA",)]
    assert await history.changes() == []
    assert await history.tables() == {"airline", "flight"}


@pytest.mark.essential
async def test_a_renamed_column_keeps_its_values(history: History) -> None:
    await history.become(
        flight(column(sa.Integer, index=True), sa.CheckConstraint("price > 0", name="price"))
    )
    await history.insert("flight", {"id": 1, "price": 9})

    await history.become(
        flight(
            sa.Column("fare", sa.Integer, index=True), sa.CheckConstraint("fare > 0", name="price")
        ),
        Answers(("flight.price", "fare")),
    )

    assert await history.rows("SELECT fare FROM flight") == [(9,)]
    assert await history.changes() == []


async def test_a_table_and_its_column_are_renamed_at_once(history: History) -> None:
    await history.become(flight(column(sa.Integer), sa.Column("gate", sa.String(4))))
    await history.insert("flight", {"id": 1, "price": 9})
    answers = Answers(("flight", "departure"), ("departure.price", "fare"))

    await history.become(
        metadata(
            table("departure", sa.Column("fare", sa.Integer), sa.Column("gate", sa.String(4)))
        ),
        answers,
    )

    assert await history.rows("SELECT fare FROM departure") == [(9,)]
    assert await history.changes() == []
    await history.migrate("-1")
    assert await history.rows("SELECT price FROM flight") == [(9,)]


async def test_only_a_column_of_the_same_type_may_have_been_renamed(history: History) -> None:
    await history.become(flight(column(sa.Integer), sa.Column("gate", sa.String(4))))
    answers = Answers()

    await history.become(flight(sa.Column("fare", sa.Integer), sa.Column("at", sa.Date)), answers)

    assert answers.asked == [("flight", "price", "fare")]


async def test_what_was_not_renamed_is_dropped_and_made(history: History) -> None:
    await history.become(flight(column(sa.Integer)))

    words = await history.become(flight(sa.Column("fare", sa.Integer)))

    assert words == ["drop flight.price", "add flight.fare"]


async def test_a_plugin_of_alembic_takes_part(history: History) -> None:
    seen = []

    def compare(context: Any, operations: Any, schemas: Any) -> PriorityDispatchResult:
        seen.append(context.dialect.name)
        return PriorityDispatchResult.CONTINUE

    plugin = Plugin("trivium.test_a_plugin")
    plugin.add_autogenerate_comparator(compare, "schema", "test_a_plugin")
    try:
        await history.make(flight())
    finally:
        plugin.remove()

    assert seen == [history.migrations.engine.dialect.name]
