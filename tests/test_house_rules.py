"""The rules of the house that a tool can see: sizes, the order of rooms, reasons, no asserts."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HOUSE = ROOT / "src" / "trivium"

ROOMS = (
    "version",
    "errors",
    "checks",
    "threads",
    "background",
    "exchange",
    "binding",
    "shutdown",
    "security",
    "responding",
    "routing",
    "stages",
    "openapi",
    "app",
    "server",
    "testing",
    "storage",
    "db",
    "inference",
    "realtime",
    "jobs",
    "auth",
    "resources",
    "admin",
    "adopt",
    "fastapi",
    "cli",
)
"""From the ground up. A room imports only what stands before it."""

LONGEST_FILE = 750

# The house's own door: it hands out names of every room, so no room may come in through it.
DOOR = "__init__"


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def sources() -> list[Path]:
    return python_files("src")


def everything() -> list[Path]:
    return [*python_files("src", "tests", "examples", "bench"), ROOT / "conftest.py"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, node: ast.AST) -> str:
    return f"{name_of(path)}:{getattr(node, 'lineno', 1)}"


# -- Sizes -----------------------------------------------------------------------------------------


def test_no_source_file_is_longer_than_750_lines() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in sources()}

    too_long = {name: length for name, length in lengths.items() if length > LONGEST_FILE}

    assert too_long == {}


# -- Rooms -----------------------------------------------------------------------------------------


def room_of(path: Path) -> str:
    """The room that a source file belongs to: its folder or file right under the house."""
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Each room that a file imports from, wherever the import stands; `__init__` for the door."""
    package = ("trivium", *path.relative_to(HOUSE).parts[:-1])
    for node in ast.walk(tree_of(path)):
        for module, names in imports(node, package):
            if module[:1] != ("trivium",):
                continue
            if len(module) > 1:
                yield module[1], node
            else:
                yield from ((name if name in ROOMS else DOOR, node) for name in names or [DOOR])


def imports(node: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """The absolute modules that a statement imports, with the names it takes from them."""
    if isinstance(node, ast.Import):
        yield from ((tuple(alias.name.split(".")), []) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = package[: len(package) - node.level + 1] if node.level else ()
        module = (*start, *(node.module.split(".") if node.module else ()))
        yield module, [alias.name for alias in node.names]


@pytest.mark.parametrize(
    ("statement", "modules"),
    [
        ("import trivium.routing.table", [("trivium", "routing", "table")]),
        ("from trivium.errors import TriviumError", [("trivium", "errors")]),
        ("from . import table", [("trivium", "binding")]),
        ("from ..routing.table import Table", [("trivium", "routing", "table")]),
    ],
)
def test_relative_and_absolute_imports_lead_to_the_same_room(
    statement: str, modules: list[tuple[str, ...]]
) -> None:
    (node,) = ast.parse(statement).body

    found = [module for module, _ in imports(node, ("trivium", "binding"))]

    assert found == modules


def test_every_room_has_its_place_in_the_order() -> None:
    rooms = {room_of(path) for path in sources()} - {DOOR, "__main__"}

    assert rooms <= set(ROOMS)


def test_a_room_imports_only_rooms_below_it() -> None:
    upwards = []
    for path in sources():
        room = room_of(path)
        if room in (DOOR, "__main__"):
            continue
        for imported, node in imported_rooms(path):
            allowed = imported in ROOMS and ROOMS.index(imported) <= ROOMS.index(room)
            if not allowed:
                upwards.append(f"{place(path, node)}: {room} imports {imported}")

    assert upwards == []


# -- No assert for a user's mistake ----------------------------------------------------------------


def test_no_assert_stands_in_the_source() -> None:
    asserts = [
        place(path, node)
        for path in sources()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Assert) and node not in for_type_checkers(path)
    ]

    assert asserts == []


@cache
def for_type_checkers(path: Path) -> frozenset[ast.AST]:
    """Every node under an `if TYPE_CHECKING:`, which never runs."""
    blocks = [
        node
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    ]
    return frozenset(
        inner for block in blocks for statement in block.body for inner in ast.walk(statement)
    )


# -- Reasons ---------------------------------------------------------------------------------------

MARKER = re.compile(
    r"#\s*(?:type:\s*ignore|pyright:\s*ignore|noqa|pragma:\s*no (?:cover|branch))"
    r"(?:\[[^\]]*\]|:\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*)?"
)
WITHOUT_CODE = re.compile(r"#\s*(?:type:\s*ignore(?!\[)|pyright:\s*ignore(?!\[)|noqa(?!:))")


def comments(path: Path) -> Iterable[tuple[int, str]]:
    """The comments of a file that silences anything."""
    text = path.read_text("utf-8")
    if not MARKER.search(text):
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def has_reason(comment: str) -> bool:
    """Whether something besides the markers is said."""
    return any(character.isalnum() for character in MARKER.sub("", comment))


def silences(path: Path) -> Iterator[tuple[str, str]]:
    for line, comment in comments(path):
        if MARKER.match(comment):
            yield f"{name_of(path)}:{line}", comment


def test_every_silenced_check_names_its_code_and_its_reason() -> None:
    unexplained = [
        f"{where}: {comment}"
        for path in everything()
        for where, comment in silences(path)
        if not has_reason(comment) or WITHOUT_CODE.search(comment)
    ]

    assert unexplained == []


@pytest.mark.parametrize(
    ("comment", "explained"),
    [
        ("# type: ignore[override]  # narrower on purpose", True),
        ("# noqa: B004  # the method itself", True),
        ("# noqa: E731, B018  # both", True),
        ("# type: ignore[override]", False),
        ("# noqa: RUF012  # pyright: ignore[reportGeneralTypeIssues]", False),
        ("# pragma: no cover", False),
    ],
)
def test_a_reason_is_what_remains_without_the_markers(comment: str, explained: bool) -> None:
    assert has_reason(comment) is explained


MARKS = {
    "pytest.importorskip",
    "pytest.mark.skip",
    "pytest.mark.skipif",
    "pytest.mark.xfail",
    "pytest.skip",
    "pytest.xfail",
}
NAMES_OF_MARKS = {mark.rpartition(".")[2] for mark in MARKS}
# Their first argument is the reason.
SPEAKING = {"pytest.skip", "pytest.xfail"}


def bare_marks(tree: ast.Module) -> Iterator[ast.AST]:
    """What skips a test, or expects it to fail, and does not say why."""
    explained = set()
    marks = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in NAMES_OF_MARKS:
            marks.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = any(keyword.arg == "reason" for keyword in node.keywords)
            if named or (node.args and ast.unparse(node.func) in SPEAKING):
                explained.add(node.func)
    yield from (mark for mark in marks if mark not in explained and ast.unparse(mark) in MARKS)


def test_every_skipped_test_carries_a_reason() -> None:
    bare = [
        place(path, mark)
        for path in python_files("tests")
        if any(name in path.read_text("utf-8") for name in NAMES_OF_MARKS)
        for mark in bare_marks(tree_of(path))
    ]

    assert bare == []


@pytest.mark.parametrize(
    ("code", "bare"),
    [
        ("@pytest.mark.skip\ndef test(): ...", 1),
        ("@pytest.mark.skipif(WINDOWS)\ndef test(): ...", 1),
        ("pytest.importorskip('orjson')", 1),
        ("pytest.skip()", 1),
        ("pytest.skip('no network')", 0),
        ("@pytest.mark.xfail(reason='known')\ndef test(): ...", 0),
    ],
)
def test_a_skip_without_a_reason_is_seen(code: str, bare: int) -> None:
    assert len(list(bare_marks(ast.parse(code)))) == bare


# -- Nothing of one machine ------------------------------------------------------------------------

# In two halves, so that this file does not break its own rule.
PRIVATE = re.compile(
    "|".join(
        [
            r"/(?:" + r"work|root)/\w",
            r"/(?:" + r"home|Users)/\w+/",
            r"py" + r"pi\.org",
            r"python" + r"hosted\.org",
            r"npm" + r"js\.(?:org|com)",
        ]
    )
)
TEXT = {".cfg", ".css", ".html", ".in", ".ini", ".json", ".md", ".py", ".sh", ".toml", ".txt"}
TEXT |= {".typed", ".yaml", ".yml"}
FOLDERS = (".ci", "bench", "docs", "examples", "src", "tests")
# What others wrote and we only ship, unchanged.
FOREIGN = HOUSE / "openapi" / "assets"


def texts() -> Iterator[Path]:
    candidates = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in [*ROOT.iterdir(), *candidates]:
        readable = path.suffix in TEXT or path.name in ("Makefile", "run", "LICENSE")
        if path.is_file() and readable and not path.is_relative_to(FOREIGN):
            yield path


def test_no_file_names_a_path_of_one_machine_or_a_package_registry() -> None:
    named = [
        f"{name_of(path)}:{number}: {found.group()}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := PRIVATE.search(line))
    ]

    assert named == []
