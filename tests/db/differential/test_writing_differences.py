"""Where Trivium writes otherwise than Django, on purpose. Each test says which is right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.db.differential.conftest import Changing
from tests.db.differential.programs import Step


def both(changing: Changing, program: list[Step]) -> tuple[Any, Any]:
    return changing.of_django(program)[0], changing.of_trivium(program, "trivium")[0]


def test_a_deleted_instance_keeps_its_key(changing: Changing) -> None:
    """So that a message can still say what was deleted; saved again, it is the row that it was."""
    program = ["t = Tag.objects.get(id=1)", "t.delete()", "t.id", "t.save()", "t.id"]

    theirs, ours = both(changing, program)

    assert (theirs[2], ours[2]) == (None, 1)
    assert (theirs[4], ours[4]) == (4, 1)


def test_what_an_instance_refers_to_is_stored_with_it(changing: Changing) -> None:
    """It is new as well, and SQLAlchemy's session writes it first. Django has it saved before."""
    program = ['Plane.objects.create(tail="N1", twin=Plane(tail="N2"))', "Plane.objects.count()"]

    theirs, ours = both(changing, program)

    assert theirs == ["error: integrity", 5]
    assert ours == ["Plane N1", 7]


def test_a_new_instance_never_takes_the_place_of_a_row(changing: Changing) -> None:
    """Django's save() of an instance with the key of a row overwrites the row."""
    program = ['p = Plane(tail="N101")', "p.save()", "Plane.objects.filter(seats=178).count()"]

    theirs, ours = both(changing, program)

    assert theirs == [None, None, 1]
    assert ours == [None, "error: integrity", 2]


def test_a_row_that_is_gone_is_not_stored_again(changing: Changing) -> None:
    """Somebody has deleted it, and an UPDATE of nothing is an error; Django inserts it."""
    program = [
        'a = Airline.objects.get(code="HA")',
        'Airline.objects.filter(code="HA").delete()',
        'a.name = "x"',
        "a.save()",
        "Airline.objects.count()",
    ]

    theirs, ours = both(changing, program)

    assert theirs[3:] == [None, 5]
    assert ours[3:] == ["error: missing", 4]


def test_a_changed_instance_is_a_change_of_the_transaction(changing: Changing) -> None:
    """The session writes it before the next query, so that the query sees it."""
    program = [
        ["t = Tag.objects.get(id=1)", 't.name = "x"'],
        'Tag.objects.filter(name="x").count()',
    ]

    theirs, ours = both(changing, program)

    assert (theirs[1], ours[1]) == (0, 1)


def test_null_is_refused_before_the_database_sees_it(changing: Changing) -> None:
    theirs, ours = both(changing, ["Flight.objects.update(number=None)"])

    assert (theirs, ours) == (["error: integrity"], ["error: mistake"])


def test_a_name_that_no_column_has_is_refused(changing: Changing) -> None:
    """Django sets the attribute, and writes nothing."""
    program = ['Tag.objects.update_or_create(id=1, defaults={"nmae": "x"})']

    theirs, ours = both(changing, program)

    assert (theirs, ours) == ([["Tag 1", False]], ["error: mistake"])


def test_a_key_can_be_updated(changing: Changing) -> None:
    program = ['Airline.objects.filter(code="HA").update(pk="HX")', "Airline.objects.count()"]

    theirs, ours = both(changing, program)

    assert (theirs, ours) == (["error: mistake", 5], [1, 5])


def test_an_update_to_an_aggregate_of_each_row(changing: Changing) -> None:
    """It is a subquery here, which an UPDATE can have; Django's would be a join."""
    program = [
        'Flight.objects.annotate(n=Count("tags")).update(number=F("n"))',
        'Flight.objects.order_by("-number", "id").values_list("id", "number")[:2]',
    ]

    theirs, ours = both(changing, program)

    assert theirs[0] == "error: mistake"
    assert ours == [60, [[12, 3], [24, 3]]]


def test_a_lookup_that_says_equal_gives_the_new_row_its_value(changing: Changing) -> None:
    program = ['Tag.objects.get_or_create(name__exact="new")', 'Tag.objects.get(name="new")']

    theirs, ours = both(changing, program)

    assert (theirs[1], ours[1]) == ("error: missing", "Tag 4")


def test_the_database_does_not_hide_rows_from_the_count(changing: Changing) -> None:
    """Where references are deleted by the database itself, rows go before their DELETE comes."""
    program = ["Driver.objects.filter(id=2).delete()"]

    (counted,) = changing.of_trivium(program, "trivium")[0]

    assert counted == changing.of_trivium(program, "django")[0][0]
    assert counted == [7, {"driver_friend": 3, "Badge": 1, "Driver": 3}]


@pytest.mark.on("sqlite")
def test_rows_that_refer_to_themselves_are_set_by_their_column(changing: Changing) -> None:
    program = ['p = Plane.objects.get(tail="N104")', "p.twin = p", "p.save()"]

    theirs, ours = both(changing, program)

    assert (theirs[2], ours[2]) == (None, "error: mistake")
