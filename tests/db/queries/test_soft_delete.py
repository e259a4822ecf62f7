"""Rows that are marked as deleted are seen nowhere, unless a query asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from trivium.db import (
    CASCADE,
    Count,
    Database,
    DoesNotExist,
    Exists,
    Max,
    Model,
    OuterRef,
    Prefetch,
    Q,
    SoftDelete,
    foreign_key,
    post_delete,
    pre_delete,
)

pytestmark = pytest.mark.essential


class Base(Model, base=True):
    """Tables of their own, apart from those of other tests."""


class Owner(Base):
    name: Mapped[str] = mapped_column(String(20))
    planes: Mapped[list[Plane]] = relationship(back_populates="owner")


plane_tag = Table(
    "plane_tag",
    Base.metadata,
    Column("plane_id", ForeignKey("plane.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True),
)


class Plane(SoftDelete, Base):
    name: Mapped[str] = mapped_column(String(20))
    seats: Mapped[int]
    owner_id: Mapped[int] = foreign_key(Owner, on_delete=CASCADE)
    owner: Mapped[Owner] = relationship(back_populates="planes")
    paper: Mapped[Paper | None] = relationship(back_populates="plane")
    tags: Mapped[list[Tag]] = relationship(secondary=plane_tag, back_populates="planes")


class Paper(SoftDelete, Base):
    plane_id: Mapped[int] = foreign_key(Plane, on_delete=CASCADE, primary_key=True)
    text: Mapped[str] = mapped_column(String(20))
    plane: Mapped[Plane] = relationship(back_populates="paper")


class Tag(SoftDelete, Base):
    name: Mapped[str] = mapped_column(String(20))
    planes: Mapped[list[Plane]] = relationship(secondary=plane_tag, back_populates="tags")


@pytest.fixture
async def hangar(database: Database) -> Database:
    """Ada has a plane and one that is marked; Bob's only one is marked; Cy has none."""
    database._given_models = Base
    await database.create_tables()
    async with database.session():
        ada, bob, _ = await Owner.objects.bulk_create([Owner(name=n) for n in ("Ada", "Bob", "Cy")])
        red, blue = await Tag.objects.create(name="red"), await Tag.objects.create(name="blue")
        for name, seats, owner, gone in (
            ("live", 2, ada, False),
            ("gone", 90, ada, True),
            ("lost", 50, bob, True),
        ):
            plane = await Plane.objects.create(name=name, seats=seats, owner_id=owner.id)
            await plane.related("tags").add(red, blue)
            await Paper.objects.create(plane_id=plane.id, text=name)
            if gone:
                await plane.delete()
        await blue.delete()
    return database


async def owners(query: Any) -> Any:
    return await query.order_by("name").values_list("name", flat=True)


async def test_a_condition_through_a_relation_sees_the_rows_that_are_there(
    hangar: Database,
) -> None:
    async with hangar.session():
        assert await owners(Owner.objects.filter(planes__seats__gt=10)) == []
        assert await owners(Owner.objects.filter(planes__name="live")) == ["Ada"]
        assert await owners(Owner.objects.filter(planes__isnull=True)) == ["Bob", "Cy"]
        assert await owners(Owner.objects.exclude(planes__seats__gt=10)) == ["Ada", "Bob", "Cy"]
        assert await owners(Owner.objects.filter(~Q(planes__isnull=False))) == ["Bob", "Cy"]
        assert await owners(Owner.objects.filter(planes__tags__name="blue")) == []
        assert await owners(Owner.objects.filter(planes__tags__name="red")) == ["Ada"]
        assert await owners(Plane.objects.filter(tags__name="blue")) == []


async def test_counts_and_other_aggregates_are_of_rows_that_are_there(hangar: Database) -> None:
    async with hangar.session():
        counted = Owner.objects.annotate(n=Count("planes"), most=Max("planes__seats"))
        rows = await counted.order_by("name").values_list("n", "most")
        assert rows == [(1, 2), (0, None), (0, None)]
        assert await Owner.objects.aggregate(n=Count("planes")) == {"n": 1}
        grouped = Owner.objects.values("name").annotate(n=Count("planes")).order_by("name")
        assert [row["n"] for row in await grouped] == [1, 0, 0]
        assert await Plane.objects.annotate(n=Count("tags")).values_list("n", flat=True) == [1]


async def test_columns_of_a_relation_are_of_rows_that_are_there(hangar: Database) -> None:
    async with hangar.session():
        rows = await Owner.objects.order_by("name").values_list("name", "planes__name")
        assert rows == [("Ada", "live"), ("Bob", None), ("Cy", None)]


async def test_what_is_loaded_are_rows_that_are_there(hangar: Database) -> None:
    async with hangar.session():
        ada, bob, cy = await Owner.objects.order_by("name").prefetch_related("planes__tags")
        assert [plane.name for plane in ada.planes] == ["live"]
        assert [tag.name for tag in ada.planes[0].tags] == ["red"]
        assert bob.planes == cy.planes == []
        assert await bob.related("planes").all().count() == 0


async def test_a_row_that_belongs_to_one_is_left_out_like_one_of_many(hangar: Database) -> None:
    async with hangar.session():
        plane = await Plane.objects.select_related("paper").get(name="live")
        paper = plane.paper
        assert paper is not None
        await paper.delete()

    async with hangar.session():
        plane = await Plane.objects.select_related("paper").get(name="live")
        assert plane.paper is None
        assert await Plane.objects.filter(paper__text="live").count() == 0
        assert await Plane.objects.filter(paper__isnull=True).count() == 1
        plane = (await Plane.objects.prefetch_related("paper"))[0]
        assert plane.paper is None


async def test_a_reference_leads_to_its_row_whether_it_is_marked_or_not(hangar: Database) -> None:
    async with hangar.session():
        found = await Paper.objects.select_related("plane").order_by("plane__name")
        assert [paper.plane.name for paper in found] == ["gone", "live", "lost"]
        assert await Paper.objects.filter(plane__seats__gt=10).count() == 2


async def test_a_query_can_ask_for_all(hangar: Database) -> None:
    async with hangar.session():
        everything = Owner.objects.with_deleted()
        assert await owners(everything.filter(planes__seats__gt=10)) == ["Ada", "Bob"]
        counted = everything.annotate(n=Count("planes")).order_by("name")
        assert await counted.values_list("n", flat=True) == [2, 1, 0]
        ada = await everything.prefetch_related("planes").get(name="Ada")
        assert sorted(plane.name for plane in ada.planes) == ["gone", "live"]

        assert await Plane.objects.with_deleted().filter(tags__name="blue").count() == 3
        assert await Plane.objects.filter(seats__gt=1).with_deleted().count() == 3
        assert await Plane.all_objects.filter(tags__name="blue").count() == 0


async def test_queries_inside_and_prefetches_say_it_for_themselves(hangar: Database) -> None:
    async with hangar.session():
        planes = Plane.all_objects.filter(owner=OuterRef("pk"), seats__gt=10)
        assert await owners(Owner.objects.filter(Exists(planes))) == ["Ada", "Bob"]
        every = Prefetch("planes", Plane.all_objects.order_by("name"), to_attr="every")
        ada: Any = await Owner.objects.prefetch_related(every).get(name="Ada")
        assert [plane.name for plane in ada.every] == ["gone", "live"]


async def test_queries_of_one_shape_are_not_mixed_up(hangar: Database) -> None:
    async with hangar.session():
        for _ in range(2):
            plain = Owner.objects.filter(planes__seats__gt=10)
            assert await plain.count() == 0
            assert await plain.with_deleted().count() == 2
            assert len(await plain) == 0
            assert len(await plain.with_deleted()) == 2


async def test_what_is_not_stored_cannot_be_marked(hangar: Database) -> None:
    async with hangar.session():
        with pytest.raises(DoesNotExist, match="not stored"):
            await Plane(name="new", seats=1, owner_id=1).delete()
        assert await Plane.all_objects.count() == 3


async def test_marking_writes_the_mark_alone(hangar: Database) -> None:
    async with hangar.session():
        plane = await Plane.objects.get(name="live")
        plane.seats = 99
        await plane.delete()

    async with hangar.session():
        assert (await Plane.all_objects.get(name="live")).seats == 2


async def test_deleting_by_a_query_tells_of_each_row(hangar: Database) -> None:
    told: list[Any] = []

    def deleted(plane: Plane, **more: Any) -> None:
        told.append((plane.name, plane.deleted_at is None))

    async with hangar.session():
        with pre_delete.connected(deleted, Plane), post_delete.connected(deleted, Plane):
            assert await Plane.objects.filter(seats__gt=1).delete() == (1, {"Plane": 1})

    assert told == [("live", True), ("live", False)]
