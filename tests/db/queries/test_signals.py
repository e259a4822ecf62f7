"""Signals of what a session writes, whoever asked it to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy import delete, update

from tests.db.flight_models import Alliance, Note, Tag
from trivium.db import (
    Database,
    atomic,
    post_delete,
    post_save,
    pre_delete,
    pre_save,
)

pytestmark = pytest.mark.essential


@contextmanager
def told(*models: type[Any]) -> Iterator[list[Any]]:
    """What the receivers of these models are told."""
    found: list[Any] = []

    def receiver(signal: Any) -> Any:
        async def receive(instance: Any, *, created: bool | None = None, **more: Any) -> None:
            # it may ask the database, as any receiver may
            count = await Tag.objects.count()
            found.append((signal.name, instance.name, created, count))

        return receive

    with ExitStack() as stack:
        for signal in (pre_save, post_save, pre_delete, post_delete):
            for model in models:
                stack.enter_context(signal.connected(receiver(signal), model))
        yield found


async def test_what_is_added_to_the_session_is_told_of_when_it_is_written(
    changing: Database,
) -> None:
    with told(Tag) as seen:
        async with changing.session() as session:
            session.add(Tag(name="a"))
            assert seen == []
            await session.commit()

    assert [each[:3] for each in seen] == [("pre_save", "a", True), ("post_save", "a", True)]
    assert seen[1][3] == 4


async def test_what_is_changed_is_told_of_once(changing: Database) -> None:
    with told(Tag) as seen:
        async with changing.session(), atomic():
            first, second = await Tag.objects.get(id=1), await Tag.objects.get(id=2)
            first.name, second.name = "a", str(second.name)
            await Tag.objects.count()

    assert seen == [("pre_save", "a", False, 3), ("post_save", "a", False, 3)]


async def test_what_the_session_deletes_is_told_of(changing: Database) -> None:
    with told(Tag, Alliance) as seen:
        async with changing.session() as session:
            await session.delete(await Alliance.objects.get(name="Nil"))
            await session.commit()

    assert [each[:3] for each in seen] == [
        ("pre_delete", "Nil", None),
        ("post_delete", "Nil", None),
    ]


async def test_save_and_flush_tell_of_one_instance_once(changing: Database) -> None:
    with told(Tag) as seen:
        async with changing.session() as session, atomic():
            tag = Tag(name="a")
            session.add(tag)
            await tag.save()
            await session.flush()

    assert [each[:3] for each in seen] == [("pre_save", "a", True), ("post_save", "a", True)]


async def test_a_receiver_may_change_the_instance_and_write_others(changing: Database) -> None:
    async def prepare(tag: Tag, **more: Any) -> None:
        tag.name = tag.name.upper()
        if not tag.name.startswith("WITH"):
            await Tag.objects.create(name=f"with {tag.name}")

    async with changing.session() as session:
        with pre_save.connected(prepare, Tag):
            session.add(Tag(name="a"))
            await session.commit()

        made = await Tag.objects.filter(id__gt=3).order_by("name").values_list("name", flat=True)
        assert made == ["A", "WITH A"]


async def test_an_error_of_a_receiver_undoes_what_is_written(changing: Database) -> None:
    def refuse(tag: Tag, **more: Any) -> None:
        raise LookupError(tag.name)

    async with changing.session() as session:
        for signal in (pre_save, post_save):
            with signal.connected(refuse, Tag), pytest.raises(LookupError, match="a"):
                async with atomic():
                    session.add(Tag(name="a"))

        assert await Tag.objects.count() == 3


async def test_a_receiver_of_the_commit_is_called_after_it(changing: Database) -> None:
    seen: list[Any] = []

    async def committed(tag: Tag, **more: Any) -> None:
        async with changing.session():
            seen.append(await Tag.objects.filter(name=tag.name).count())

    with post_save.connected(committed, Tag, when="commit"):
        async with changing.session() as session:
            session.add(Tag(name="a"))
            await session.flush()
            assert seen == []
            await session.commit()
            session.add(Tag(name="b"))
            await session.flush()
            await session.rollback()

    assert seen == [1]


async def test_statements_for_many_rows_tell_nobody(changing: Database) -> None:
    with told(Tag) as seen:
        async with changing.session(), atomic() as session:
            await session.execute(update(Tag).values(name=Tag.name + "!"))
            await session.execute(delete(Note))

    assert seen == []


async def test_where_nobody_listens_nobody_is_asked_for(
    changing: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unexpected(*_: Any, **__: Any) -> None:
        raise AssertionError("sent")

    with told(Alliance):
        monkeypatch.setattr(type(pre_save), "send", unexpected)
        async with changing.session() as session:
            session.add(Tag(name="a"))
            await session.commit()
