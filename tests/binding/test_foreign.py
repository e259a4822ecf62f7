"""msgspec Structs and attrs classes as bodies and results, and as parts of them."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import attrs
import msgspec
import pytest
from msgspec import UNSET, Meta, Struct, UnsetType
from pydantic import AfterValidator, BaseModel

from trivium import App, Body, DeclarationError, Form
from trivium.binding.foreign import Foreign
from trivium.testing import TestClient

T = TypeVar("T")


# -- The classes, as users write them --------------------------------------------------------------


class Leg(Struct, rename="camel"):
    """One hop of a trip."""

    flight_number: Annotated[int, Meta(gt=0, description="As on the ticket")]
    origin_code: Annotated[str, Meta(min_length=3, max_length=3)] = "JFK"
    leaves_at: datetime | None = None
    stops: list[str] = []


class Trip(Struct):
    id: int
    legs: list[Leg]
    best: Leg | None = None
    by_day: dict[str, Leg] = {}


class Paid(Struct, tag="paid"):
    amount: float


class Refunded(Struct, tag="refunded", rename={"why": "reason"}):
    why: str


class Even(Struct):
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError(f"{self.number} is odd")


class Note(Struct, omit_defaults=True):
    text: str
    author: str = "nobody"
    color: str | UnsetType = UNSET


class Sealed(Struct, forbid_unknown_fields=True):
    code: int


class Place(Struct, array_like=True):
    latitude: float
    longitude: float
    name: str = "somewhere"


class Tree(Struct):
    leaf: int
    branches: list["Tree"] = []


class Box(Struct, Generic[T]):
    content: T


def upper(text: str) -> str:
    return text.upper()


@attrs.define
class Plane:
    """A machine that flies."""

    tail: str = attrs.field(converter=upper)
    seats: int = attrs.field(validator=attrs.validators.ge(1))
    engines: int = 2
    notes: list[str] = attrs.field(factory=list)
    _owner: str = "nobody"
    registered: bool = attrs.field(init=False, default=True)

    @seats.validator
    def _not_thirteen(self, attribute: "attrs.Attribute[int]", value: int) -> None:
        if value == 13:
            raise ValueError("thirteen seats bring bad luck")


@attrs.frozen(slots=False)
class Span:
    low: int
    high: int

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low must not be above high")


@attrs.define
class Crate(Generic[T]):
    content: T


class Crew(BaseModel):
    captain: str


class Fleet(Struct):
    """A Struct of what msgspec cannot make by itself."""

    planes: list[Plane]
    crew: Crew


class Priced(Struct):
    """A Struct with a rule that only Pydantic understands."""

    price: Annotated[int, AfterValidator(lambda price: price * 100)]


class Hangar(BaseModel):
    """A model of Pydantic's that holds both kinds."""

    first: Annotated[Leg, Foreign()]
    planes: list[Annotated[Plane, Foreign()]] = []


# -- What tests ask --------------------------------------------------------------------------------


def echo(annotation: Any, **options: Any) -> App:
    """An application whose one route returns the body that it takes."""
    app = App()

    def handler(body: Any) -> Any:
        return body

    handler.__annotations__ = {"body": annotation, "return": annotation}
    app.post("/", **options)(handler)
    return app


def answer(annotation: Any, body: Any, **options: Any) -> Any:
    reply = TestClient(echo(annotation, **options)).post("/", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


def errors(annotation: Any, body: Any) -> list[tuple[str, list[Any], str]]:
    reply = TestClient(echo(annotation)).post("/", json=body)
    assert reply.status_code == 422, reply.text
    return [(e["type"], e["loc"], e["msg"]) for e in reply.json()["detail"]]


def returning(annotation: Any, value: Any, **options: Any) -> TestClient:
    """A client of an application whose one route declares one type and returns a value."""
    app = App()

    async def handler() -> Any:
        return value

    app.get("/", response_model=annotation, **options)(handler)
    return TestClient(app, raise_server_exceptions=False)


def schemas(*annotations: Any) -> Any:
    app = App()
    for number, annotation in enumerate(annotations):

        def handler(body: Any) -> Any: ...

        handler.__annotations__ = {"body": annotation, "return": annotation}
        app.post(f"/{number}")(handler)
    return app.openapi()["components"]["schemas"]


TRIP = {
    "id": 1,
    "legs": [{"flightNumber": 7, "leavesAt": "2013-01-01T05:15:00Z", "stops": ["ORD"]}],
    "best": {"flightNumber": 8, "originCode": "LGA"},
    "by_day": {"monday": {"flightNumber": 9}},
}


# -- Structs as bodies -----------------------------------------------------------------------------


def test_a_handler_receives_a_struct_made_of_the_body() -> None:
    app = App()
    received: list[Trip] = []

    @app.post("/")
    async def take(trip: Trip) -> None:
        received.append(trip)

    TestClient(app).post("/", json=TRIP)

    leaves = datetime(2013, 1, 1, 5, 15, tzinfo=UTC)
    assert received == [
        Trip(
            id=1,
            legs=[Leg(7, leaves_at=leaves, stops=["ORD"])],
            best=Leg(8, "LGA"),
            by_day={"monday": Leg(9)},
        )
    ]


def test_a_number_in_a_string_is_taken_as_it_is_for_a_model() -> None:
    assert answer(Sealed, {"code": "12"}) == {"code": 12}


def test_every_error_of_a_struct_is_named_at_its_own_place() -> None:
    body = {
        "id": "one",
        "legs": [{"flightNumber": 0, "originCode": "NY"}, {}],
        "by_day": {"monday": {"flightNumber": "x"}},
    }

    assert [(kind, loc) for kind, loc, _ in errors(Trip, body)] == [
        ("int_parsing", ["body", "id"]),
        ("greater_than", ["body", "legs", 0, "flightNumber"]),
        ("string_too_short", ["body", "legs", 0, "originCode"]),
        ("missing", ["body", "legs", 1, "flightNumber"]),
        ("int_parsing", ["body", "by_day", "monday", "flightNumber"]),
    ]


@pytest.mark.parametrize("body", [[], "text", 3, None, [{"id": 1}]])
def test_a_body_that_is_no_object_is_refused_where_a_struct_is_expected(body: Any) -> None:
    assert [loc for _, loc, _ in errors(Trip, body)] == [["body"]]


def test_what_msgspec_alone_refuses_keeps_its_place_and_its_words() -> None:
    body = {"id": 1, "legs": [{"flightNumber": 1}, {"flightNumber": True}]}

    assert errors(Trip, body) == [
        (
            "value_error",
            ["body", "legs", 1, "flightNumber"],
            "Value error, Expected `int`, got `bool`",
        )
    ]


def test_the_input_of_an_error_is_the_refused_value() -> None:
    reply = TestClient(echo(list[Even])).post("/", json=[{"number": 2}, {"number": 3}])

    assert reply.json()["detail"] == [
        {
            "type": "value_error",
            "loc": ["body", 1],
            "msg": "Value error, 3 is odd",
            "input": {"number": 3},
            "ctx": {"error": "3 is odd"},
        }
    ]


def test_unknown_keys_are_refused_only_where_the_struct_forbids_them() -> None:
    assert answer(Even, {"number": 2, "more": 1}) == {"number": 2}
    assert [(kind, loc) for kind, loc, _ in errors(Sealed, {"code": 1, "more": 1})] == [
        ("extra_forbidden", ["body", "more"])
    ]


def test_a_struct_beside_another_parameter_is_embedded() -> None:
    app = App()

    @app.post("/")
    def take(leg: Leg, note: Annotated[str, Body()]) -> list[Any]:
        return [leg.flight_number, note]

    client = TestClient(app)

    assert client.post("/", json={"leg": {"flightNumber": 1}, "note": "n"}).json() == [1, "n"]
    refused = client.post("/", json={"leg": {"flightNumber": 0}, "note": "n"}).json()
    assert refused["detail"][0]["loc"] == ["body", "leg", "flightNumber"]


def test_a_struct_stands_in_lists_optionals_and_dictionaries_of_a_signature() -> None:
    annotation = dict[str, list[Leg | None]]

    body = {"monday": [{"flightNumber": 1}, None]}
    assert answer(annotation, body)["monday"][1] is None
    assert [loc for _, loc, _ in errors(annotation, {"monday": [None, {}]})] == [
        ["body", "monday", 1, "flightNumber"]
    ]


def test_a_struct_that_holds_itself_is_taken_and_written() -> None:
    tree = {"leaf": 1, "branches": [{"leaf": 2, "branches": [{"leaf": 3, "branches": []}]}]}

    assert answer(Tree, tree) == tree
    tree["branches"][0]["branches"][0]["leaf"] = "x"  # type: ignore[index]  # a literal of JSON
    assert [loc for _, loc, _ in errors(Tree, tree)] == [
        ["body", "branches", 0, "branches", 0, "leaf"]
    ]


def test_the_type_parameters_of_a_struct_are_filled_in() -> None:
    assert answer(Box[int], {"content": "4"}) == {"content": 4}
    assert answer(Box[Leg], {"content": {"flightNumber": 1}})["content"]["originCode"] == "JFK"
    assert errors(Box[int], {"content": "x"})[0][1] == ["body", "content"]


def test_an_array_like_struct_is_a_json_array_both_ways() -> None:
    assert answer(Place, [1, 2.5]) == [1.0, 2.5, "somewhere"]
    assert errors(Place, [1])[0][:2] == ("missing", ["body", 1])


def test_a_struct_of_models_and_attrs_classes_has_their_validators_run() -> None:
    fleet = {"planes": [{"tail": "n1", "seats": 2}], "crew": {"captain": "Amelia"}}
    assert answer(Fleet, fleet)["planes"][0]["tail"] == "N1"

    fleet["planes"][0]["seats"] = 13  # type: ignore[index]  # a literal of JSON
    fleet["crew"] = {}
    assert [loc for _, loc, _ in errors(Fleet, fleet)] == [
        ["body", "planes", 0, "seats"],
        ["body", "crew", "captain"],
    ]


def test_a_rule_in_pydantics_words_is_kept_in_a_struct() -> None:
    assert answer(Priced, {"price": 2}) == {"price": 200}


# -- Unions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [{"type": "paid", "amount": 1.5}, {"type": "refunded", "reason": "late"}]
)
def test_tags_tell_which_struct_of_a_union_a_body_is(body: Any) -> None:
    assert answer(Paid | Refunded, body) == body
    assert answer(list[Paid | Refunded | None], [body, None]) == [body, None]


def test_an_error_in_a_tagged_union_names_the_struct_that_the_tag_chose() -> None:
    assert errors(Paid | Refunded, {"type": "paid", "amount": "much"})[0][:2] == (
        "float_parsing",
        ["body", "paid", "amount"],
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"amount": 1}, "union_tag_not_found"),
        ({"type": "lost"}, "union_tag_invalid"),
        ({"type": ["paid"]}, "union_tag_not_found"),
        (3, "union_tag_not_found"),
    ],
)
def test_a_body_without_a_known_tag_is_refused_by_the_name_of_the_key(body: Any, kind: str) -> None:
    ((found, loc, message),) = errors(Paid | Refunded, body)

    assert (found, loc) == (kind, ["body"])
    assert "'type'" in message


def test_untagged_records_of_a_union_are_tried_one_after_the_other() -> None:
    annotation = Sealed | Plane | int

    assert answer(annotation, {"code": 1}) == {"code": 1}
    assert answer(annotation, {"tail": "n1", "seats": 1})["tail"] == "N1"
    assert answer(annotation, 5) == 5
    assert {tuple(loc[:2]) for _, loc, _ in errors(annotation, {})} == {
        ("body", "Sealed"),
        ("body", "Plane"),
        ("body", "int"),
    }


# -- attrs classes as bodies -----------------------------------------------------------------------


def test_an_attrs_class_is_made_with_its_converters_and_defaults() -> None:
    app = App()
    received: list[Plane] = []

    @app.post("/")
    async def take(plane: Plane) -> None:
        received.append(plane)

    TestClient(app).post("/", json={"tail": "n14228", "seats": "149", "owner": "United"})

    assert received == [Plane("N14228", 149, owner="United")]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, [["body", "tail"], ["body", "seats"]]),
        ({"tail": "n", "seats": "many", "notes": [1]}, [["body", "seats"], ["body", "notes", 0]]),
        ({"tail": "n", "seats": 0}, [["body", "seats"]]),
        ({"tail": "n", "seats": 13}, [["body", "seats"]]),
        ({"tail": 4, "seats": 1}, [["body", "tail"]]),
    ],
    ids=["missing", "types", "validator", "own validator", "converter's type"],
)
def test_an_error_of_an_attrs_class_is_placed_at_its_attribute(
    body: Any, places: list[list[Any]]
) -> None:
    assert [loc for _, loc, _ in errors(Plane, body)] == places


def test_a_converter_that_fails_is_an_error_of_its_attribute() -> None:
    def parsed(text):  # says nothing of what it takes
        return int(text)

    @attrs.define
    class Count:
        name: str
        number: int = attrs.field(converter=parsed)

    assert errors(Count, {"name": "n", "number": "x"})[0][:2] == ("value_error", ["body", "number"])
    assert errors(Count, {"name": "n", "number": {}})[0][:2] == ("value_error", ["body", "number"])
    assert answer(Count, {"name": "n", "number": "3"}) == {"name": "n", "number": 3}


def test_an_error_of_the_whole_attrs_class_is_placed_at_the_class() -> None:
    assert errors(list[Span], [{"low": 2, "high": 1}]) == [
        ("value_error", ["body", 0], "Value error, low must not be above high")
    ]


def test_a_validator_that_raises_something_else_is_a_bug_and_no_refusal() -> None:
    @attrs.define
    class Buggy:
        number: int = attrs.field()

        @number.validator
        def _check(self, attribute: Any, value: int) -> None:
            raise KeyError("a mistake of the author's")

    client = TestClient(echo(Buggy), raise_server_exceptions=False)

    assert client.post("/", json={"number": 1}).status_code == 500


def test_the_type_parameters_of_an_attrs_class_are_filled_in() -> None:
    assert answer(Crate[int], {"content": "4"}) == {"content": 4}
    assert errors(Crate[int], {"content": "x"})[0][1] == ["body", "content"]


# -- Inside models of Pydantic's -------------------------------------------------------------------


def test_a_marked_field_of_a_model_may_be_a_struct_or_an_attrs_class() -> None:
    body = {"first": {"flightNumber": 1}, "planes": [{"tail": "n1", "seats": 1}]}

    written = answer(Hangar, body)

    assert written["first"]["flightNumber"] == 1
    assert written["planes"][0]["tail"] == "N1"
    assert errors(Hangar, {"first": {}})[0][:2] == ("missing", ["body", "first", "flightNumber"])


# -- Results ---------------------------------------------------------------------------------------


def test_a_returned_struct_is_written_by_its_own_names() -> None:
    leg = Leg(7, leaves_at=datetime(2013, 1, 1, tzinfo=UTC))

    assert returning(Leg, leg).get("/").json() == {
        "flightNumber": 7,
        "originCode": "JFK",
        "leavesAt": "2013-01-01T00:00:00Z",
        "stops": [],
    }


def test_a_returned_struct_without_a_declared_type_is_written_the_same() -> None:
    leg = Leg(7, leaves_at=datetime(2013, 1, 1, tzinfo=UTC))

    assert returning(None, leg).get("/").json() == returning(Leg, leg).get("/").json()


@pytest.mark.parametrize("source", [{"number": "4"}, type("Row", (), {"number": 4})()])
def test_a_dictionary_or_object_is_validated_into_the_declared_struct(source: Any) -> None:
    assert returning(Even, source).get("/").json() == {"number": 4}


@pytest.mark.parametrize("value", [{"number": 3}, {"number": "x"}, {}, 5, None])
def test_a_result_that_does_not_fit_the_declared_struct_is_a_500(value: Any) -> None:
    assert returning(Even, value).get("/").status_code == 500


def test_an_instance_is_not_made_again() -> None:
    made: list[int] = []

    class Counted(Struct):
        number: int

        def __post_init__(self) -> None:
            made.append(self.number)

    client = returning(Counted, Counted(1))

    assert client.get("/").json() == {"number": 1}
    assert made == [1]


@pytest.mark.parametrize("declared", [Sealed, list[Sealed], dict[str, Sealed]])
def test_what_a_subclass_adds_is_not_written_where_its_base_is_declared(declared: Any) -> None:
    class Secret(Sealed):
        password: str

    value = Secret(1, "hunter2")
    held: Any = (
        value if declared is Sealed else [value] if declared == list[Sealed] else {"k": value}
    )

    assert "hunter2" not in returning(declared, held).get("/").text


def test_what_a_subclass_adds_is_not_written_deep_inside_either() -> None:
    class Marked(Leg):
        password: str = "hunter2"

    trip = Trip(1, [Marked(1)], best=Marked(2), by_day={"monday": Marked(3)})

    assert "hunter2" not in returning(Trip, trip).get("/").text


def test_unset_fields_and_omitted_defaults_are_left_out_as_msgspec_does() -> None:
    assert returning(Note, Note("t")).get("/").json() == {"text": "t"}
    assert returning(Note, Note("t", "me", "red")).get("/").json() == {
        "text": "t",
        "author": "me",
        "color": "red",
    }


def test_a_returned_attrs_class_is_written_with_all_its_attributes() -> None:
    assert returning(Plane, Plane("n1", 2)).get("/").json() == {
        "tail": "N1",
        "seats": 2,
        "engines": 2,
        "notes": [],
        "owner": "nobody",
        "registered": True,
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"response_model_include": {"flight_number"}}, {"flightNumber": 7}),
        (
            {"response_model_exclude": {"stops", "leaves_at"}},
            {"flightNumber": 7, "originCode": "JFK"},
        ),
        (
            {"response_model_exclude_none": True},
            {"flightNumber": 7, "originCode": "JFK", "stops": []},
        ),
        ({"response_model_exclude_defaults": True}, {"flightNumber": 7}),
        (
            {"response_model_by_alias": False},
            {"flight_number": 7, "origin_code": "JFK", "leaves_at": None, "stops": []},
        ),
    ],
    ids=["include", "exclude", "exclude_none", "exclude_defaults", "by_alias"],
)
def test_the_response_model_options_hold_for_structs(options: Any, expected: Any) -> None:
    assert returning(Leg, Leg(7), **options).get("/").json() == expected


def test_the_response_model_options_reach_into_nested_structs_and_attrs_classes() -> None:
    fleet = Fleet([Plane("n1", 2)], Crew(captain="Amelia"))
    options = {"planes": {"__all__": {"tail"}}}

    found = returning(Fleet, fleet, response_model_include=options).get("/").json()

    assert found == {"planes": [{"tail": "N1"}]}


def test_a_stream_of_structs_is_written_line_by_line() -> None:
    app = App()

    @app.get("/")
    def legs() -> Iterator[Leg]:
        yield Leg(1)
        yield Leg(2, "LGA")

    lines = TestClient(app).get("/").text.splitlines()

    assert [msgspec.json.decode(line, type=Leg) for line in lines] == [Leg(1), Leg(2, "LGA")]


# -- The document ----------------------------------------------------------------------------------


def test_structs_and_attrs_classes_are_components_of_the_document() -> None:
    found = schemas(Trip, Plane)

    assert found["Leg"] == {
        "type": "object",
        "title": "Leg",
        "description": "One hop of a trip.",
        "required": ["flightNumber"],
        "properties": {
            "flightNumber": {
                "type": "integer",
                "exclusiveMinimum": 0,
                "title": "Flightnumber",
                "description": "As on the ticket",
            },
            "originCode": {
                "type": "string",
                "minLength": 3,
                "maxLength": 3,
                "title": "Origincode",
                "default": "JFK",
            },
            "leavesAt": {
                "anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}],
                "title": "Leavesat",
            },
            "stops": {
                "type": "array",
                "items": {"type": "string"},
                "title": "Stops",
                "default": [],
            },
        },
    }
    assert found["Trip"]["properties"]["legs"]["items"] == {"$ref": "#/components/schemas/Leg"}
    # `registered` is written and never read, so the two directions differ
    assert "registered" not in found["Plane-Input"]["properties"]
    assert found["Plane-Output"]["properties"]["registered"]["type"] == "boolean"
    assert found["Plane-Input"]["required"] == ["tail", "seats"]
    assert found["Plane-Input"]["properties"]["tail"]["type"] == "string"
    assert found["Plane-Input"]["description"] == "A machine that flies."


def test_a_tagged_union_has_a_discriminator_in_the_document() -> None:
    app = echo(Paid | Refunded)
    document = app.openapi()

    body = document["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["oneOf"] == [
        {"$ref": "#/components/schemas/Paid"},
        {"$ref": "#/components/schemas/Refunded"},
    ]
    assert body["discriminator"] == {
        "propertyName": "type",
        "mapping": {
            "paid": "#/components/schemas/Paid",
            "refunded": "#/components/schemas/Refunded",
        },
    }
    paid = document["components"]["schemas"]["Paid"]
    assert paid["required"] == ["type", "amount"]
    assert paid["properties"]["type"]["const"] == "paid"


def test_the_document_says_what_a_struct_forbids_leaves_out_and_lines_up() -> None:
    found = schemas(Sealed, Note, Place, Tree, Box[int])

    assert found["Sealed"]["additionalProperties"] is False
    assert found["Note"]["required"] == ["text"]
    assert "default" not in found["Note"]["properties"]["color"]
    assert found["Place-Input"]["prefixItems"][0] == {"type": "number"}
    assert found["Place-Input"]["minItems"] == 2
    assert found["Tree-Input"]["properties"]["branches"]["items"] == {
        "$ref": "#/components/schemas/Tree-Input"
    }
    assert found["Box_int_"]["properties"]["content"]["type"] == "integer"


def test_further_responses_may_be_structs() -> None:
    app = App()

    @app.get("/", responses={404: {"model": Sealed}})
    async def read() -> None: ...

    responses = app.openapi()["paths"]["/"]["get"]["responses"]
    assert responses["404"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Sealed"
    }


# -- Mistakes in a declaration ---------------------------------------------------------------------


class Unreadable(Struct):
    what: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # the mistake


@attrs.define
class AlsoUnreadable:
    what: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # the mistake


class Opaque:
    """Nothing that anybody could validate."""


class HoldsOpaque(Struct):
    what: Opaque


@pytest.mark.parametrize("annotation", [Unreadable, AlsoUnreadable, HoldsOpaque])
def test_a_record_that_cannot_be_read_is_refused_when_it_is_declared(annotation: Any) -> None:
    with pytest.raises(DeclarationError, match=annotation.__name__):
        echo(annotation)


@pytest.mark.parametrize("annotation", [Leg, Plane, list[Leg], Leg | None])
def test_a_record_in_a_form_is_refused_when_it_is_declared(annotation: Any) -> None:
    with pytest.raises(DeclarationError, match="form"):
        echo(Annotated[annotation, Form()])


# -- Without the packages --------------------------------------------------------------------------

WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("msgspec", "attr", "attrs"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())

from dataclasses import dataclass
from pydantic import BaseModel
from trivium import App
from trivium.testing import TestClient

class Leg(BaseModel):
    number: int

@dataclass
class Trip:
    legs: list[Leg] | None

app = App()

@app.post("/")
def take(trip: Trip) -> Trip:
    return trip

client = TestClient(app)
assert client.post("/", json={"legs": [{"number": 1}]}).json() == {"legs": [{"number": 1}]}
assert client.post("/", json={"legs": [{}]}).status_code == 422
assert "Trip" in client.get("/openapi.json").json()["components"]["schemas"]
assert not {"msgspec", "attr", "attrs"} & set(sys.modules)
"""


@pytest.mark.slow
def test_everything_else_works_where_neither_package_is_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


IMPORTED = """
import sys
from typing import Annotated
from trivium import App, Body

app = App()

@app.post("/")
def take(names: Annotated[list[str] | None, Body()], more: dict[str, int]) -> list[int]: ...

app.openapi()
assert "msgspec" not in sys.modules, "nobody declared a Struct"
"""


@pytest.mark.slow
def test_msgspec_is_not_imported_where_no_struct_is_declared() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORTED], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
