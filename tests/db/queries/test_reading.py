"""What the verbs that read promise, on every database."""

from __future__ import annotations

import pytest

from tests.db.flight_models import Airline, Flight, Note, Plane, Tag
from trivium.db import (
    Count,
    Database,
    DoesNotExist,
    F,
    FieldError,
    InvalidValue,
    MultipleObjectsReturned,
    NotLoaded,
    NotSupported,
    Prefetch,
    Q,
    Sum,
)

pytestmark = pytest.mark.essential


async def test_get_gives_the_one_row(flights: Database) -> None:
    async with flights.session():
        airline = await Airline.objects.get(code="UA")

    assert airline.name == "United Air Lines"


async def test_get_of_nothing_raises_the_models_own_error(flights: Database) -> None:
    async with flights.session():
        with pytest.raises(Airline.DoesNotExist, match="no Airline with code='XX'"):
            await Airline.objects.get(code="XX")

    assert issubclass(Airline.DoesNotExist, DoesNotExist)
    assert not issubclass(Flight.DoesNotExist, Airline.DoesNotExist)


async def test_get_of_several_says_how_many(flights: Database) -> None:
    async with flights.session():
        with pytest.raises(MultipleObjectsReturned, match="There are 5 Airline"):
            await Airline.objects.get()
        with pytest.raises(Flight.MultipleObjectsReturned, match="more than 20 Flight"):
            await Flight.objects.get(distance__gt=0)


async def test_a_row_comes_out_once_however_many_rows_fit_on_the_other_side(
    flights: Database,
) -> None:
    async with flights.session():
        found = await Airline.objects.filter(flights__distance__gt=100).values_list(
            "code", flat=True
        )

    assert found == ["AA", "B6", "DL", "UA"][: len(found)] or sorted(found) == found
    assert len(found) == len(set(found))


async def test_conditions_of_one_filter_speak_of_the_same_row(flights: Database) -> None:
    async with flights.session():
        together = Plane.objects.filter(flights__number=107, flights__origin_code="LGA")
        apart = Plane.objects.filter(flights__number=107).filter(flights__origin_code="LGA")

        assert await together.count() < await apart.count()


async def test_exclude_is_the_complement_of_filter(flights: Database) -> None:
    conditions = {"flights__number": 107, "flights__origin_code": "LGA"}
    async with flights.session():
        chosen = await Plane.objects.filter(**conditions)
        left = await Plane.objects.exclude(**conditions)
        everything = await Plane.objects.all()

    assert {p.tail for p in chosen} | {p.tail for p in left} == {p.tail for p in everything}
    assert {p.tail for p in chosen}.isdisjoint({p.tail for p in left})


async def test_two_aggregates_over_relations_do_not_multiply_each_other(flights: Database) -> None:
    async with flights.session():
        both = await Flight.objects.annotate(tags_=Count("tags"), twins=Count("plane__copies")).get(
            id=12
        )
        tags = await Tag.objects.filter(flights=12).count()
        twins = await Plane.objects.filter(twin__flights=12).count()

    assert (both.tags_, both.twins) == (tags, twins) == (3, 2)  # type: ignore[attr-defined]  # annotated


async def test_a_filter_before_an_aggregate_limits_what_it_counts(flights: Database) -> None:
    far = Q(flights__distance__gt=1500)
    async with flights.session():
        before = await Airline.objects.filter(far).annotate(n=Count("flights")).values("code", "n")
        after = await Airline.objects.annotate(n=Count("flights")).filter(far).values("code", "n")
        counted = await Flight.objects.filter(distance__gt=1500, airline_code="UA").count()

    assert {"code": "UA", "n": counted} in before
    assert {each["code"] for each in before} == {each["code"] for each in after}
    assert sum(each["n"] for each in before) < sum(each["n"] for each in after)


async def test_rows_with_equal_values_become_one(flights: Database) -> None:
    async with flights.session():
        groups = (
            await Flight.objects.values("origin__name")
            .annotate(n=Count("*"))
            .order_by("origin__name")
        )

    assert [each["n"] for each in groups] == [20, 20, 20]


async def test_a_relation_that_is_not_loaded_names_the_fix(flights: Database) -> None:
    async with flights.session():
        flight = await Flight.objects.get(id=1)

        with pytest.raises(NotLoaded, match=r"fetch\('airline'\)"):
            flight.airline  # noqa: B018  # reading it is the point
        with pytest.raises(NotLoaded, match=r"prefetch_related\('tags'\)"):
            flight.tags  # noqa: B018  # as above


async def test_fetch_loads_for_all_of_the_same_result(flights: Database) -> None:
    async with flights.session():
        found = await Flight.objects.order_by("id")[:20]

        await found[0].fetch("airline", "tags")

        assert all(each.airline.code == each.airline_code for each in found)
        assert [tag.name for tag in found[5].tags] == ["even", "third"]


async def test_select_related_loads_in_the_same_statement(flights: Database) -> None:
    async with flights.session():
        query = Flight.objects.select_related("airline__alliance", "plane").order_by("id")
        found = await query

    alliances = [flight.airline.alliance and flight.airline.alliance.name for flight in found]
    assert alliances[:4] == ["Sky", "Sky", None, None]
    assert found[3].plane is not None
    assert found[4].plane is None


async def test_prefetch_takes_a_query_and_a_name(flights: Database) -> None:
    longest = Flight.objects.order_by("-distance", "id")[:2]
    async with flights.session():
        airlines = await Airline.objects.prefetch_related(
            Prefetch("flights", longest, to_attr="longest")
        )
        ua = airlines[-1]
        expected = await Flight.objects.filter(airline_code="UA").order_by("-distance", "id")[:2]

        assert ua.longest == expected  # type: ignore[attr-defined]  # put there by to_attr
        with pytest.raises(NotLoaded):
            ua.flights  # noqa: B018  # reading it is the point


async def test_prefetch_goes_on_through_relations(flights: Database) -> None:
    async with flights.session():
        airlines = await Airline.objects.prefetch_related("flights__tags", "flights__note")

    notes = [flight.note for airline in airlines for flight in airline.flights if flight.note]
    assert len(notes) == 10
    assert all(isinstance(note, Note) for note in notes)


async def test_columns_that_were_left_out_name_the_fix(flights: Database) -> None:
    async with flights.session():
        flight = await Flight.objects.only("number").order_by("id").first()
        assert flight is not None
        assert flight.number == 107

        with pytest.raises(NotLoaded, match="left out by only"):
            flight.distance  # noqa: B018  # reading it is the point
        await flight.refresh("distance")

        assert flight.distance == 200


async def test_slices_and_indexes(flights: Database) -> None:
    by_id = Flight.objects.order_by("id")
    async with flights.session():
        assert [f.id for f in await by_id[10:13]] == [11, 12, 13]
        assert [f.id for f in await by_id[10:20][2:4]] == [13, 14]
        assert (await by_id[3]).id == 4
        assert await by_id[58:70].count() == 2
        with pytest.raises(IndexError):
            await by_id[60]


async def test_iterator_gives_every_row_in_order(flights: Database) -> None:
    async with flights.session():
        query = Flight.objects.order_by("id").prefetch_related("tags")
        found = [(f.id, len(f.tags)) async for f in query.iterator(chunk_size=7)]

    assert [number for number, _ in found] == list(range(1, 61))
    assert sum(count for _, count in found) == 65


async def test_aggregate_of_a_slice_is_of_the_slice(flights: Database) -> None:
    async with flights.session():
        top = Flight.objects.order_by("-distance", "id")[:3]
        found = await top.aggregate(total=Sum("distance"), n=Count("*"))

        assert found == {"total": sum(f.distance for f in await top), "n": 3}


async def test_a_query_has_to_be_waited_for() -> None:
    query = Flight.objects.filter(number=1)

    for mistake in (list, bool, len):
        with pytest.raises(NotSupported, match="await"):
            mistake(query)  # type: ignore[operator]  # the mistake


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Flight.objects.filter(distanc=1), "did you mean: distance"),
        (lambda: Flight.objects.filter(airline__nam="x"), "Airline has no field 'nam'"),
        (lambda: Flight.objects.order_by("airline__nam").statement, "did you mean: name"),
        (lambda: Flight.objects.values("airline__nam").statement, "did you mean: name"),
        (lambda: Flight.objects.filter(distance__greater=1).statement, "neither a lookup"),
        (lambda: Flight.objects.select_related("distance"), "no relation 'distance'"),
        (lambda: Airline.objects.select_related("flights"), "prefetch_related"),
        (lambda: Airline.objects.prefetch_related("flight"), "did you mean: flights"),
        (lambda: Flight.objects.only("nam").statement, "no column 'nam'"),
        (lambda: Flight.objects.annotate(distance=F("number")), "is a field of Flight already"),
        (lambda: Flight.objects.annotate(x="number"), "annotate\\(x=F"),
        (lambda: Flight.objects.filter("x"), "is not a condition"),
        (lambda: Flight.objects.filter(id=F("nothing")).statement, "no field 'nothing'"),
    ],
)
def test_a_wrong_name_says_which_there_are(make: object, says: str) -> None:
    with pytest.raises(FieldError, match=says):
        make()  # type: ignore[operator]  # the query


@pytest.mark.parametrize(
    ("lookups", "says"),
    [
        ({"distance": "far"}, "distance='far' is not a int"),
        ({"distance": 1.5}, "not a whole number"),
        ({"day": "soon"}, "is not a date"),
        ({"number__in": 3}, "not a list"),
        ({"number__isnull": 1}, "neither True nor False"),
        ({"number__gt": None}, "isnull"),
        ({"airline__name": "a\0b"}, "null character"),
        ({"airline__name": "\ud800"}, "surrogate"),
        ({"number__range": [1]}, "two values"),
        ({"status": "flying"}, "status='flying'"),
    ],
)
def test_a_value_that_the_column_cannot_have_is_refused(
    lookups: dict[str, object], says: str
) -> None:
    with pytest.raises(InvalidValue, match=says):
        Flight.objects.filter(**lookups).statement  # noqa: B018  # compiling it is the point


async def test_a_number_beyond_the_column_fits_no_row(flights: Database) -> None:
    async with flights.session():
        assert await Flight.objects.filter(distance=10**12).count() == 0
        assert await Flight.objects.filter(distance__lt=10**12).count() == 60
        assert await Flight.objects.filter(distance__gt=-(10**12)).count() == 60
        assert await Flight.objects.filter(distance__in=[10**12, -(10**12)]).count() == 0


async def test_texts_are_values_and_never_sql(flights: Database) -> None:
    hostile = "'; DROP TABLE flight; --"
    async with flights.session():
        for lookup in ("exact", "iexact", "contains", "icontains", "startswith", "endswith"):
            assert await Airline.objects.filter(**{f"name__{lookup}": hostile}).count() == 0
        for name in (hostile, f"name__{hostile}", "name;--"):
            with pytest.raises(FieldError):
                await Airline.objects.order_by(name)
            with pytest.raises(FieldError):
                await Airline.objects.filter(**{name: 1})
            with pytest.raises(FieldError):
                await Airline.objects.values(name)
        assert await Flight.objects.count() == 60


async def test_wildcards_in_a_text_stand_for_themselves(flights: Database) -> None:
    async with flights.session():
        assert await Note.objects.filter(text__contains="100%_").count() == 10
        assert await Note.objects.filter(text__icontains="%_SURE \\").count() == 10
        assert await Note.objects.filter(text__icontains="1_0").count() == 0


async def test_letter_case_counts_unless_the_lookup_says_otherwise(flights: Database) -> None:
    async with flights.session():
        assert await Airline.objects.filter(name__contains="united").count() == 0
        assert await Airline.objects.filter(name__icontains="united").count() == 1
        assert await Airline.objects.filter(name__startswith="uni").count() == 0
        assert await Airline.objects.filter(name__endswith="lines").count() == 1
