"""Where the command looks for the app, and what it says when there is none."""

from pathlib import Path

import pytest

from trivium.server.errors import AppNotFound
from trivium.server.location import USUAL_FILES, Location, locate


def write(root: Path, *files: str) -> None:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_module_and_an_attribute_are_imported_from_here(tmp_path: Path) -> None:
    location = locate("flights.main:make.app", tmp_path)

    assert location == Location("flights.main", tmp_path, "make.app", "the command line")


def test_a_module_alone_is_searched(tmp_path: Path) -> None:
    assert locate("flights.main", tmp_path).attribute is None


@pytest.mark.parametrize("spec", ["src/main.py", "src/main.py:app", "./src/main.py"])
def test_a_file_is_imported_from_its_directory(tmp_path: Path, spec: str) -> None:
    write(tmp_path, "src/main.py")

    location = locate(spec, tmp_path)

    assert (location.module, location.directory) == ("main", (tmp_path / "src").resolve())
    assert location.attribute == ("app" if ":" in spec else None)


@pytest.mark.parametrize("spec", ["src/one/two/main.py", "src/one/two/main.py:app"])
def test_a_file_in_a_package_is_imported_as_a_part_of_it(tmp_path: Path, spec: str) -> None:
    write(tmp_path, "src/one/__init__.py", "src/one/two/__init__.py", "src/one/two/main.py")

    location = locate(spec, tmp_path)

    assert (location.module, location.directory) == ("one.two.main", (tmp_path / "src").resolve())


@pytest.mark.parametrize("spec", ["src/one", "src/one/__init__.py"])
def test_a_package_is_named_by_its_directory_or_its_init(tmp_path: Path, spec: str) -> None:
    write(tmp_path, "src/one/__init__.py")

    location = locate(spec, tmp_path)

    assert (location.module, location.directory) == ("one", (tmp_path / "src").resolve())


@pytest.mark.parametrize("name", USUAL_FILES)
def test_without_a_name_the_usual_files_are_tried(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)

    assert locate(None, tmp_path).module == Path(name).stem


def test_the_usual_files_are_tried_in_order(tmp_path: Path) -> None:
    write(tmp_path, "app/main.py", "api.py", "app.py")

    assert locate(None, tmp_path).module == "app"


@pytest.mark.parametrize("table", ["trivium", "fastapi"])
def test_the_project_says_where_its_app_is(tmp_path: Path, table: str) -> None:
    write(tmp_path, "main.py")
    (tmp_path / "pyproject.toml").write_text(f'[tool.{table}]\nentrypoint = "flights.web:app"')

    location = locate(None, tmp_path)

    assert (location.module, location.attribute) == ("flights.web", "app")
    assert location.source.startswith(f"[tool.{table}] entrypoint in ")


def test_triviums_own_table_comes_before_fastapis(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.fastapi]\nentrypoint = "old:app"\n[tool.trivium]\nentrypoint = "new:app"'
    )

    assert locate(None, tmp_path).module == "new"


def test_a_name_comes_before_what_the_project_says(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.trivium]\nentrypoint = "flights.web:app"')

    assert locate("other:app", tmp_path).module == "other"


def test_a_project_without_an_entrypoint_has_its_app_in_a_usual_file(tmp_path: Path) -> None:
    write(tmp_path, "main.py")
    (tmp_path / "pyproject.toml").write_text("[tool.trivium]\n[project]\nname = 'x'")

    assert locate(None, tmp_path).module == "main"


def test_nothing_anywhere_names_all_that_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(AppNotFound) as told:
        locate(None, tmp_path)

    for looked_for in (*USUAL_FILES, str(tmp_path), "[tool.trivium]", "[tool.fastapi]"):
        assert looked_for in str(told.value)


@pytest.mark.parametrize("spec", ["main:", ":app", "", "not-a-module", "a..b:app"])
def test_what_cannot_be_a_name_is_told_how_names_look(tmp_path: Path, spec: str) -> None:
    with pytest.raises(AppNotFound, match="module:attribute"):
        locate(spec, tmp_path)


def test_a_file_that_is_not_there_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(AppNotFound, match=r"no .*src/main\.py \(from the command line\)"):
        locate("src/main.py:app", tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [("[tool.trivium", "cannot be read"), ("[tool.trivium]\nentrypoint = 3", "is 3, which is no")],
)
def test_a_project_file_that_makes_no_sense_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(AppNotFound, match=says) as told:
        locate(None, tmp_path)

    assert str(tmp_path / "pyproject.toml") in str(told.value)


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\ntrivium = 'x'\nfastapi = 3"])
def test_a_project_file_that_says_nothing_of_apps_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "main.py").touch()

    assert locate(None, tmp_path).module == "main"
