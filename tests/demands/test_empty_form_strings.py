"""A form field can be missing, empty, or hold something: what each declaration makes of the three.

An HTML form sends every field, so FastAPI counts an empty string as missing. Where the difference
matters, `Form(keep_empty=True)` keeps it. The table stands in docs/forms.md as well.
"""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from trivium import App, Form, Request
from trivium.testing import TestClient

MISSING = "error: missing"
FORM = {"content-type": "application/x-www-form-urlencoded"}
NO_DEFAULT = object()

Text = Annotated[str, Form()]
KeptText = Annotated[str, Form(keep_empty=True)]

# Annotation, default, and the value for: a missing field, an empty one, "7".
TABLE = {
    "str": (Text, NO_DEFAULT, MISSING, MISSING, "7"),
    'str = "default"': (Text, "default", "default", "default", "7"),
    "str | None": (Annotated[str | None, Form()], NO_DEFAULT, MISSING, MISSING, "7"),
    "str | None = None": (Annotated[str | None, Form()], None, None, None, "7"),
    "int": (Annotated[int, Form()], NO_DEFAULT, MISSING, MISSING, 7),
    "int = 3": (Annotated[int, Form()], 3, 3, 3, 7),
    "bool = False": (Annotated[bool, Form()], False, False, False, "error: bool_parsing"),
    "list[str]": (Annotated[list[str], Form()], NO_DEFAULT, MISSING, [""], ["7"]),
    "list[str] = []": (Annotated[list[str], Form()], [], [], [""], ["7"]),
    "str, kept": (KeptText, NO_DEFAULT, MISSING, "", "7"),
    'str = "default", kept': (KeptText, "default", "default", "", "7"),
    "str | None = None, kept": (
        Annotated[str | None, Form(keep_empty=True)],
        None,
        None,
        "",
        "7",
    ),
    "int = 3, kept": (Annotated[int, Form(keep_empty=True)], 3, 3, "error: int_parsing", 7),
}


def sent(client: TestClient, body: str) -> Any:
    """The value that the handler received, or the kind of the error."""
    reply = client.post("/", content=body, headers=FORM)
    if reply.status_code == 422:
        return f"error: {reply.json()['detail'][0]['type']}"
    return reply.json()


@pytest.mark.parametrize(
    ("annotation", "default", "missing", "empty", "given"), TABLE.values(), ids=list(TABLE)
)
def test_missing_empty_and_given_are_as_the_table_says(
    annotation: Any, default: Any, missing: Any, empty: Any, given: Any
) -> None:
    def handler(name: Any) -> Any:
        return name

    handler.__annotations__ = {"name": annotation}
    handler.__defaults__ = () if default is NO_DEFAULT else (default,)
    app = App()
    app.post("/")(handler)
    client = TestClient(app)

    assert [sent(client, body) for body in ("other=1", "name=", "name=7")] == [
        missing,
        empty,
        given,
    ]


def test_a_form_model_tells_what_was_sent_from_what_is_a_default() -> None:
    class Profile(BaseModel):
        name: Annotated[str, Form(keep_empty=True)] = "default"
        town: str = "default"

    app = App()

    @app.post("/")
    def handler(profile: Annotated[Profile, Form()]) -> Any:
        return [profile.name, profile.town, sorted(profile.model_fields_set)]

    client = TestClient(app)

    assert [sent(client, body) for body in ("other=1", "name=&town=", "name=7&town=7")] == [
        ["default", "default", []],
        ["", "default", ["name"]],
        ["7", "7", ["name", "town"]],
    ]


def test_the_form_itself_keeps_missing_and_empty_apart() -> None:
    app = App()

    @app.post("/")
    async def handler(request: Request, name: Text = "default") -> Any:
        form = await request.form()
        return [name, form.get("name", "not sent")]

    client = TestClient(app)

    assert [sent(client, body) for body in ("other=1", "name=", "name=7")] == [
        ["default", "not sent"],
        ["default", ""],
        ["7", "7"],
    ]


def test_an_empty_field_of_a_multipart_form_is_the_same_as_of_a_plain_one() -> None:
    app = App()

    @app.post("/")
    def handler(name: Text = "default", kept: KeptText = "default") -> Any:
        return [name, kept]

    client = TestClient(app)
    parts = {"name": (None, ""), "kept": (None, "")}

    assert client.post("/", files=parts).json() == ["default", ""]
