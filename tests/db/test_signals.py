"""Who is told of an event, when, and what an error of theirs does."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.db.tables import Airline, Base
from trivium.db import Database, DbError, Signal, atomic, execute

COUNT = text("SELECT count(*) FROM airlines")
INSERT = text("INSERT INTO airlines VALUES ('UA', 'United')")


@pytest.fixture
def saved() -> Signal:
    return Signal("saved")


@pytest.fixture
async def airlines(database: Database) -> Database:
    database._given_models = Base
    await database.create_tables()
    return database


class Parent:
    pass


class Child(Parent):
    pass


class Other:
    pass


async def test_receivers_are_called_in_order_async_or_not(saved: Signal) -> None:
    seen: list[Any] = []

    @saved.connect(Parent)
    def plain(what: str, *, created: bool) -> None:
        seen.append(("plain", what, created))

    @saved.connect(Parent)
    async def coroutine(what: str, **more: Any) -> None:
        seen.append(("coroutine", what, more))

    await saved.send(Parent, "it", created=True)

    assert seen == [("plain", "it", True), ("coroutine", "it", {"created": True})]


async def test_a_receiver_is_told_of_its_class_and_of_those_below(saved: Signal) -> None:
    seen: list[str] = []
    saved.connect(Parent)(lambda what: seen.append(f"parent {what}"))
    saved.connect(Child)(lambda what: seen.append(f"child {what}"))
    saved.connect()(lambda what: seen.append(f"all {what}"))

    for sender in (Parent, Child, Other):
        await saved.send(sender, sender.__name__)

    assert seen == [
        "parent Parent",
        "all Parent",
        "parent Child",
        "child Child",
        "all Child",
        "all Other",
    ]
    assert saved.has_receivers(Other)


async def test_one_that_is_connected_later_is_told_too(saved: Signal) -> None:
    seen: list[str] = []
    await saved.send(Parent, "early")
    saved.connect(Parent)(seen.append)

    await saved.send(Parent, "late")

    assert seen == ["late"]


async def test_one_that_is_disconnected_is_not_told_any_more(saved: Signal) -> None:
    seen: list[str] = []
    receiver = saved.connect(Parent)(seen.append)

    with saved.connected(lambda what: seen.append(f"block {what}"), Parent):
        await saved.send(Parent, "1")
    assert saved.disconnect(receiver)
    await saved.send(Parent, "2")

    assert seen == ["1", "block 1"]
    assert not saved.disconnect(receiver)
    assert not saved.has_receivers(Parent)


async def test_an_error_within_the_transaction_undoes_it(airlines: Database, saved: Signal) -> None:
    @saved.connect(Airline)
    async def refuse(what: str) -> None:
        raise ValueError(what)

    async with airlines.session():
        with pytest.raises(ValueError, match="not this one"):
            async with atomic():
                await execute(INSERT)
                await saved.send(Airline, "not this one")

        assert (await execute(COUNT)).scalar_one() == 0


async def test_after_the_commit_means_after_it_and_never_when_it_is_undone(
    airlines: Database, saved: Signal
) -> None:
    seen: list[Any] = []

    @saved.connect(Airline, when="commit")
    async def told(what: str) -> None:
        seen.append((what, (await execute(COUNT)).scalar_one()))

    async with airlines.session():
        with pytest.raises(ZeroDivisionError):
            async with atomic():
                await saved.send(Airline, "undone")
                _ = 1 / 0
        async with atomic():
            await saved.send(Airline, "kept")
            await execute(INSERT)
            assert seen == []

        assert seen == [("kept", 1)]


def test_what_is_no_class_cannot_send(saved: Signal) -> None:
    with pytest.raises(DbError, match=r"@saved\.connect\(Flight\)"):
        saved.connect("Flight")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(DbError, match="neither 'now' nor 'commit'"):
        saved.connect(Parent, when="later")  # type: ignore[arg-type]  # the mistake
