"""Names of files: what clients give becomes what every file system takes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trivium.storage import InvalidKey, safe_name
from trivium.storage.names import checked_key

HOSTILE = [
    "../../etc/passwd",
    "..\\..\\windows\\system32\\cmd.exe",
    "/etc/passwd",
    "C:\\boot.ini",
    "\x00.png",
    "a\x00.png",
    "",
    ".",
    "..",
    "...",
    ".htaccess",
    " .png",
    "CON",
    "con.txt",
    "lpt1.tar.gz",
    "a" * 1000,
    "ü" * 1000 + ".jpeg",
    "photo.jpg ",
    "photo.jpg.",
    "\ud800.png",
    "．．／etc",
    "a\n\r.png",
    "<script>.html",
    "\u202egnp.exe",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_becomes_a_key(name: str) -> None:
    made = safe_name(name)

    assert checked_key(made).name == made
    assert "/" not in made
    assert len(made.encode()) <= 100


@given(st.text(max_size=300) | st.text(alphabet="./\\:\x00aCONux1 -_", max_size=40))
@example("con .png")
@example("_.")
def test_every_name_becomes_a_key_and_stays_what_it_became(name: str) -> None:
    made = safe_name(name)

    assert checked_key(made).name == made
    assert len(made.encode()) <= 100
    assert safe_name(made) == made


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("cat.jpg", "cat.jpg"),
        ("my cat (1).JPG", "my_cat_1_.JPG"),
        ("Straße.pdf", "Straße.pdf"),
        ("日本語.txt", "日本語.txt"),
        ("C:\\photos\\cat.jpg", "cat.jpg"),
        ("a" * 200 + ".jpeg", "a" * 95 + ".jpeg"),
        ("nul.txt", "_nul.txt"),
        (None, "file"),
    ],
)
def test_what_is_harmless_stays(given: str | None, made: str) -> None:
    assert safe_name(given) == made


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/.hidden",
        "a\\b",
        "c:/a",
        "a\x00",
        "a\nb",
        "nul",
        "a/con.txt",
        "a.",
        "a ",
        "a" * 256,
        "\ud800",
        "a|b",
    ],
)
def test_what_could_lead_elsewhere_is_no_key(key: str) -> None:
    with pytest.raises(InvalidKey):
        checked_key(key)
