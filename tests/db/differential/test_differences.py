"""Where Trivium answers otherwise than Django, on purpose. Each test says which is right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.db.differential.both import of_django, of_trivium
from tests.db.differential.conftest import Sides
from trivium.db import NotLoaded


def both(sides: Sides, text: str) -> tuple[Any, Any]:
    return (
        of_django(text, sides.django),
        sides.run(lambda: of_trivium(text, sides.trivium)),
    )


def test_two_aggregates_over_relations_are_both_right(sides: Sides) -> None:
    """Django documents that its joins multiply each other's rows."""
    text = (
        'Flight.objects.filter(id=12).annotate(n=Count("tags"), m=Count("plane__copies"))'
        '.values("n", "m")'
    )
    parts = (
        'Flight.objects.filter(id=12).annotate(n=Count("tags")).values("n")',
        'Flight.objects.filter(id=12).annotate(m=Count("plane__copies")).values("m")',
    )

    theirs, ours = both(sides, text)
    (n,), (m,) = (of_django(part, sides.django) for part in parts)

    assert ours == [{**n, **m}]
    assert theirs != ours


def test_a_sum_beside_a_count_is_right(sides: Sides) -> None:
    """The same for groups: each airport's altitude is added once, not once for each flight."""
    text = (
        'Airport.objects.values("altitude").annotate(n=Count("departures"), s=Sum("altitude"))'
        '.order_by("altitude")'
    )

    theirs, ours = both(sides, text)

    assert [row["s"] for row in ours] == [13, 18, 22, 7820]
    assert [row["n"] for row in ours] == [row["n"] for row in theirs]
    assert [row["s"] for row in theirs] != [13, 18, 22, 7820]


def test_a_row_comes_out_once(sides: Sides) -> None:
    """Django documents that a filter on a relation to many repeats rows without distinct()."""
    theirs, ours = both(sides, "Airline.objects.filter(flights__distance__gt=1500)")

    assert len(theirs) > len(set(theirs))
    assert ours == sorted(set(theirs))


def test_exclude_speaks_of_one_row_as_filter_does(sides: Sides) -> None:
    """Django documents that the conditions of one exclude() need not be about the same row."""
    arguments = 'flights__number=107, flights__origin="LGA"'

    theirs, ours = both(sides, f"Plane.objects.exclude({arguments})")
    chosen = of_django(f"Plane.objects.filter({arguments}).distinct()", sides.django)
    everything = of_django("Plane.objects.all()", sides.django)

    assert sorted(ours) == sorted(set(everything) - set(chosen))
    assert sorted(theirs) != sorted(ours)


def test_exclude_is_the_complement_also_for_computed_values(sides: Sides) -> None:
    """What is NULL does not fit the condition, so exclude() keeps it, as for columns."""
    query = 'Airport.objects.annotate(n=Sum("departures__distance"))'

    theirs, ours = both(sides, f'{query}.exclude(n__lt=5).values_list("code", "n")')

    assert ["ASE", None] in ours
    assert ["ASE", None] not in theirs


def test_an_aggregate_is_of_rows_that_are_there(sides: Sides) -> None:
    """Django's outer join makes a row of NULLs where there is none, and sums its default."""
    query = 'Airline.objects.filter(code="HA").annotate(n=Sum(Case(When(flights__delay=0, then=1),'

    theirs, ours = both(sides, f'{query} default=2))).values_list("n", flat=True)')

    assert (theirs, ours) == ([2], [None])


@pytest.mark.on("sqlite")
def test_letter_case_counts_on_sqlite(sides: Sides) -> None:
    """Django documents that contains, startswith and endswith ignore it there."""
    theirs, ours = both(sides, 'Airline.objects.filter(name__contains="united")')

    assert (theirs, ours) == (["Airline UA"], [])


def test_no_relation_is_loaded_unasked(sides: Sides) -> None:
    """Django asks the database once for each row of a loop; here the first row says what to do."""

    async def ask() -> None:
        flights = await sides.trivium["Flight"].objects.all()[:3]
        with pytest.raises(NotLoaded, match="select_related"):
            print([flight.airline.name for flight in flights])

    sides.run(ask)
