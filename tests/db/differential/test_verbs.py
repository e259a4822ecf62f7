"""Django's verbs and Trivium's give the same, on the same rows of SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from tests.db.differential import made, written
from tests.db.differential.both import of_django, of_trivium
from tests.db.differential.conftest import Sides
from trivium.db.errors import DbError

BATCH = 25


def same(sides: Sides, texts: list[tuple[str, str]]) -> None:
    """Each pair of expressions gives the same; the first is Django's."""
    expected = [of_django(django, sides.django) for django, _ in texts]

    async def ask() -> list[Any]:
        found = []
        for _, trivium in texts:
            try:
                found.append(await of_trivium(trivium, sides.trivium))
            except Exception as error:
                raise AssertionError(f"{trivium}\n{error!r}") from error
        return found

    for (text, _), theirs, ours in zip(texts, expected, sides.run(ask), strict=True):
        assert ours == theirs, text


def batches(texts: list[str]) -> list[list[str]]:
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]


@pytest.mark.parametrize("texts", batches(written.ORDERED), ids=lambda texts: texts[0][:40])
def test_queries_by_hand(sides: Sides, texts: list[str]) -> None:
    same(sides, [(text, text) for text in texts])


def test_counts(sides: Sides) -> None:
    same(sides, [(f"{text}.count()",) * 2 for text in written.COUNTED])


def test_aggregates(sides: Sides) -> None:
    same(sides, [(f"{query}.aggregate({what})",) * 2 for query, what in written.AGGREGATED])


def test_single_results(sides: Sides) -> None:
    same(sides, [(f"{query}.{verb}",) * 2 for query, verb in written.ONE])


@pytest.mark.parametrize("maker", [made.single, made.many, made.together, made.counted])
@pytest.mark.parametrize("start", range(0, 75, BATCH))
def test_queries_by_a_program(sides: Sides, maker: Any, start: int) -> None:
    texts = [maker(seed) for seed in range(start, start + BATCH)]

    same(sides, [(text, text) for text in texts])


@pytest.mark.parametrize(("text", "kind"), written.WRONG)
@pytest.mark.on("sqlite")
def test_mistakes_are_errors_on_both_sides(sides: Sides, text: str, kind: str) -> None:
    async def ask() -> None:
        await of_trivium(text, sides.trivium)

    with pytest.raises(Exception) as theirs:  # noqa: PT011  # which one is compared below
        of_django(text, sides.django)
    with pytest.raises(DbError):
        sides.run(ask)

    assert kind in {each.__name__ for each in type(theirs.value).__mro__}
