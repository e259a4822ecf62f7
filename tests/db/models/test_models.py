"""What a model's declaration promises: names, keys, validation, options."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError
from sqlalchemy import BigInteger, SmallInteger, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from trivium.db import (
    CASCADE,
    SET_NULL,
    Database,
    FieldError,
    Manager,
    Model,
    SoftDelete,
    Timestamps,
    foreign_key,
    objects,
)
from trivium.errors import DeclarationError


class Base(Model, base=True):
    pass


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class LongManager(Manager["FlightPlan"]):
    def long(self) -> LongManager:
        return self.filter(miles__gt=1000)

    def big(self) -> LongManager:
        return self.filter(size=Size.LARGE)


class FlightPlan(Timestamps, SoftDelete, Base):
    code: Mapped[str] = mapped_column(String(6))
    miles: Mapped[int]
    size: Mapped[Size] = mapped_column(default=Size.SMALL)
    rating: Mapped[Annotated[int, Field(ge=1, le=5)] | None]
    small: Mapped[int | None] = mapped_column(SmallInteger)
    big: Mapped[int | None] = mapped_column(BigInteger)
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    parent_id: Mapped[int | None] = foreign_key("flight_plan.id", on_delete=CASCADE)
    children: Mapped[list[FlightPlan]] = relationship()

    plans = LongManager()

    class Meta:
        ordering = ("code",)
        verbose_name = "plan"


class Plain(DeclarativeBase):
    pass


class Plane(Plain):
    __tablename__ = "plain_planes"

    tail: Mapped[str] = mapped_column(String(8), primary_key=True)
    seats: Mapped[int]
    parts: Mapped[list[Part]] = relationship(back_populates="plane")


class Part(Plain):
    __tablename__ = "plain_parts"

    id: Mapped[int] = mapped_column(primary_key=True)
    tail: Mapped[str] = foreign_key(Plane, on_delete=CASCADE)
    plane: Mapped[Plane] = relationship(back_populates="parts")


@pytest.fixture
async def tables(database_url: str) -> Any:
    async with Database(database_url, models=[Base, Plain]) as database:
        await database.create_tables()
        yield database


def test_the_table_is_named_after_the_class_and_has_a_key() -> None:
    assert FlightPlan.__table__.name == "flight_plan"
    assert [column.name for column in FlightPlan.__table__.primary_key] == ["id"]
    assert FlightPlan._meta.verbose_name_plural == "plans"


def test_constraints_have_names() -> None:
    names = {constraint.name for constraint in FlightPlan.__table__.constraints}

    assert names == {
        "pk_flight_plan",
        "fk_flight_plan_parent_id_flight_plan",
        "ck_flight_plan_size",
    }


def test_construction_converts_by_the_annotations() -> None:
    plan = FlightPlan(code="UA1", miles="12", size="l", rating=5)

    assert (plan.miles, plan.size, plan.rating) == (12, Size.LARGE, 5)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"miles": "far"}, "miles"),
        ({"code": "too long"}, "code"),
        ({"code": None}, "code"),
        ({"rating": 6}, "rating"),
        ({"size": "m"}, "size"),
        ({"miles": 2**31}, "miles"),
        ({"small": 2**15}, "small"),
        ({"big": 2**63}, "big"),
        ({"details": [1]}, "details"),
    ],
)
def test_construction_refuses_values_that_do_not_fit(values: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as error:
        FlightPlan(**{"code": "UA1", "miles": 1, **values})

    assert [each["loc"] for each in error.value.errors()] == [(where,)]


def test_construction_names_what_is_missing_and_what_is_unknown() -> None:
    with pytest.raises(ValidationError, match="miles\n  Field required"):
        FlightPlan(code="UA1")
    with pytest.raises(FieldError, match="did you mean: miles"):
        FlightPlan(code="UA1", miles=1, mile=2)


def test_construct_validates_nothing() -> None:
    assert FlightPlan.construct(miles="far").miles == "far"


def test_assign_sets_validated_values() -> None:
    plan = FlightPlan(code="UA1", miles=1)

    assert plan.assign({"miles": "2"}).miles == 2
    with pytest.raises(ValidationError, match="code"):
        plan.assign({"code": None})
    with pytest.raises(FieldError, match="no attribute 'mile'"):
        plan.assign({"mile": 1})


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda: type("A", (Base,), {"Meta": type("Meta", (), {"order": ["x"]})}), "ordering"),
        (
            lambda: type("B", (Base,), {"Meta": type("Meta", (), {"ordering": "x"})}),
            "is not a list",
        ),
        (lambda: foreign_key("airline", on_delete=CASCADE), "does not say which column"),
        (lambda: foreign_key(int, on_delete=CASCADE), "is not a model"),
        (lambda: foreign_key(FlightPlan, on_delete="cascade"), "is not a rule"),
        (lambda: foreign_key(FlightPlan, on_delete=SET_NULL, nullable=False), "may be NULL"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(declare: Any, says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        declare()


@pytest.mark.essential
async def test_a_manager_of_ones_own_goes_on_through_every_verb(tables: Database) -> None:
    async with tables.session():
        await FlightPlan.objects.create(code="A", miles=2000, size=Size.LARGE)
        await FlightPlan.objects.create(code="B", miles=2000)

        found = await FlightPlan.plans.long().order_by("-code").big()

    assert [plan.code for plan in found] == ["A"]


@pytest.mark.essential
async def test_timestamps_are_kept(tables: Database) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    async with tables.session():
        plan = await FlightPlan.objects.create(code="A", miles=1)
        made = plan.updated_at
        plan.miles = 2
        await plan.save()

        assert plan.created_at > before
        assert plan.updated_at > made


@pytest.mark.essential
async def test_a_marked_row_is_gone_until_it_is_restored(tables: Database) -> None:
    async with tables.session():
        plan = await FlightPlan.objects.create(code="A", miles=1)
        await plan.delete()
        assert await FlightPlan.objects.count() == 0
        assert await FlightPlan.all_objects.count() == 1

        await plan.restore()
        assert await FlightPlan.objects.count() == 1
        assert await FlightPlan.objects.filter(code="A").delete() == (1, {"FlightPlan": 1})
        assert await FlightPlan.all_objects.count() == 1

        await plan.delete_for_good()
        assert await FlightPlan.all_objects.count() == 0


@pytest.mark.essential
async def test_json_is_stored_and_its_keys_are_compared(tables: Database) -> None:
    async with tables.session():
        await FlightPlan.objects.create(code="A", miles=1, details={"gate": 4, "crew": ["x", "y"]})
        await FlightPlan.objects.create(code="B", miles=1, details={"gate": "4", "open": True})
        plans = FlightPlan.objects.values_list("code", flat=True)

        assert await plans.filter(details__gate=4) == ["A"]
        assert await plans.filter(details__gate="4") == ["B"]
        assert await plans.filter(details__gate__gte=3) == ["A"]
        assert await plans.filter(details__open=True) == ["B"]
        assert await plans.filter(details__crew__0="x") == ["A"]
        assert await plans.filter(details__crew=["x", "y"]) == ["A"]
        assert await plans.filter(details__has_key="open") == ["B"]
        assert await plans.filter(details__nothing=1) == []


async def test_plain_sqlalchemy_classes_are_queried_as_well(tables: Database) -> None:
    async with tables.session() as session:
        session.add(Plane(tail="N1", seats=3, parts=[Part(), Part()]))
        await session.commit()
        planes = objects(Plane)

        found = await planes.filter(parts__id__gt=0).prefetch_related("parts").get()
        assert (found.tail, len(found.parts)) == ("N1", 2)
        assert await objects(Part).filter(plane__seats=3).count() == 2
        assert await planes.create(tail="N2", seats=4) is not None
        assert await planes.filter(tail="N1").delete() == (3, {"Part": 2, "Plane": 1})


async def test_children_are_deleted_with_their_parents(tables: Database) -> None:
    async with tables.session():
        top = await FlightPlan.objects.create(code="A", miles=1)
        child = await FlightPlan.objects.create(code="B", miles=1, parent_id=top.id)
        await FlightPlan.objects.create(code="C", miles=1, parent_id=child.id)

        assert await top.delete_for_good() == (3, {"FlightPlan": 3})
