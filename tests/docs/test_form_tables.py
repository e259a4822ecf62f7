"""Each cell of the tables in ``docs/forms.md`` is what an application answers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from trivium import App, Form, UploadFile
from trivium.testing import TestClient

PAGE = Path(__file__).resolve().parents[2] / "docs" / "forms.md"
UNTOUCHED = (
    b"--edge\r\n"
    b'Content-Disposition: form-data; name="field"; filename=""\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\r\n"
    b"--edge--\r\n"
)
NAMES = {"UploadFile": UploadFile}


def rows(columns: int) -> list[tuple[str, ...]]:
    """The rows of the page's table of so many columns, without its head."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    cells = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines]
    found = [tuple(cell.strip().replace("\\|", "|") for cell in row) for row in cells]
    return [row for row in found if len(row) == columns and row[0].startswith("`")]


def client_for(declared: str) -> TestClient:
    annotation, _, default = declared.strip("`").partition(" = ")
    form = form_of(default)
    app = App()

    def handler(field: Any = form) -> Any:
        return field

    handler.__annotations__ = {"field": eval(annotation, NAMES)}
    app.post("/")(handler)
    return TestClient(app)


def form_of(default: str) -> Any:
    """What a default, or the `Form(...)` in its place, declares."""
    if default.startswith("Form("):
        return eval(default, {"Form": Form})
    return Form(ast.literal_eval(default)) if default else Form()


def told(reply: Any) -> str:
    """The reply as a cell of the table says it."""
    if reply.status_code == 200:
        text = repr(reply.json()).replace("'", '"')
        return f"`{text}`"
    return f"{reply.status_code} `{reply.json()['detail'][0]['type']}`"


@pytest.mark.parametrize(("declared", "missing", "empty", "given"), rows(4))
def test_the_table_says_what_a_text_field_becomes(
    declared: str, missing: str, empty: str, given: str
) -> None:
    client = client_for(declared)

    sent: list[dict[str, str]] = [{}, {"field": ""}, {"field": "x"}]

    assert [told(client.post("/", data=data)) for data in sent] == [missing, empty, given]


@pytest.mark.parametrize(("declared", "untouched"), rows(2))
def test_the_table_says_what_an_untouched_file_input_becomes(declared: str, untouched: str) -> None:
    client = client_for(declared)

    headers = {"content-type": "multipart/form-data; boundary=edge"}
    reply = client.post("/", content=UNTOUCHED, headers=headers)

    assert told(reply) == untouched


def test_both_tables_have_rows() -> None:
    assert (len(rows(4)), len(rows(2))) == (17, 4)
