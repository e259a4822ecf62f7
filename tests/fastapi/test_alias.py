"""``trivium.fastapi.install()`` and ``python -m trivium.fastapi``, each in a fresh process."""

import textwrap

import pytest

from tests.fastapi.conftest import SRC


@pytest.fixture
def write(tmp_path):
    """Writes a file of the program into its directory."""

    def write(name, text):
        (tmp_path / name).write_text(textwrap.dedent(text))

    return write


@pytest.mark.slow
class TestInstall:
    """The alias within one process."""

    def test_fastapi_is_the_mirror_module_for_module(self, run_python):
        run_python(
            """
            import trivium.fastapi
            trivium.fastapi.install()

            import fastapi
            import fastapi.security.http
            import trivium.fastapi.security.http
            from fastapi import routing
            from fastapi.params import Query

            assert fastapi is trivium.fastapi
            assert fastapi.security.http is trivium.fastapi.security.http
            assert fastapi.security is trivium.fastapi.security
            assert routing is trivium.fastapi.routing
            import trivium.binding.params
            assert Query is trivium.binding.params.Query
            """
        )

    def test_a_module_imported_by_its_alias_first_is_not_imported_twice(self, run_python):
        run_python(
            """
            import trivium.fastapi
            trivium.fastapi.install()

            import fastapi.openapi.constants
            import trivium.fastapi.openapi.constants as constants

            assert fastapi.openapi.constants is constants
            assert constants.__name__ == "trivium.fastapi.openapi.constants"
            assert constants.__spec__.name == "trivium.fastapi.openapi.constants"
            """
        )

    def test_a_module_of_the_alias_can_be_reloaded(self, run_python):
        run_python(
            """
            import importlib
            import trivium.fastapi
            trivium.fastapi.install()
            import fastapi.openapi.constants as constants

            assert importlib.reload(constants) is constants
            """
        )

    def test_installing_twice_changes_nothing(self, run_python):
        run_python(
            """
            import sys
            from trivium.fastapi import install
            install()
            before = list(sys.meta_path)
            import fastapi.params
            install()

            assert sys.meta_path == before
            """
        )

    def test_a_module_that_is_not_mirrored_is_not_found_even_where_fastapi_is_installed(
        self, run_python
    ):
        errors = run_python(
            """
            import trivium.fastapi
            trivium.fastapi.install()
            import fastapi.nowhere
            """,
            fails=True,
        )

        assert "ModuleNotFoundError: No module named 'fastapi.nowhere'" in errors
        assert "Trivium mirrors" in errors

    @pytest.mark.parametrize("name", ["fastapi._alias", "fastapi._alias.finder"])
    def test_the_alias_hides_its_own_machinery(self, run_python, name):
        errors = run_python(
            f"""
            import trivium.fastapi
            trivium.fastapi.install()
            import {name}
            """,
            fails=True,
        )

        assert "ModuleNotFoundError" in errors

    def test_a_package_that_asks_for_the_version_is_told_the_mirrored_one(self, run_python):
        printed = run_python(
            """
            import importlib.metadata
            import trivium.fastapi
            trivium.fastapi.install()

            found = importlib.metadata.distribution("fastapi")
            print(found.version, importlib.metadata.version("FastAPI"), found.metadata["Name"])
            assert found.requires is None
            assert importlib.metadata.version("starlette")
            """
        )

        assert printed.split() == ["0.165.0", "0.165.0", "fastapi"]

    def test_after_fastapi_itself_it_refuses_and_names_who_holds_what(self, run_python, write):
        write("shop.py", "from fastapi import APIRouter, Query as Q\n")
        write("bare.py", "import fastapi.params as p\n")
        write("free.py", "import starlette\n")

        errors = run_python(
            """
            import bare, free, shop
            import trivium.fastapi
            trivium.fastapi.install()
            """,
            fails=True,
        )

        assert "TriviumError" in errors
        assert "  shop: APIRouter, Q\n" in errors
        assert "  bare: p\n" in errors
        assert "  free" not in errors
        assert "python -m trivium.fastapi main.py" in errors

    def test_a_refused_installation_leaves_everything_as_it_was(self, run_python):
        run_python(
            """
            import sys
            import fastapi
            import trivium.fastapi
            before = list(sys.meta_path), sys.modules["fastapi"]
            try:
                trivium.fastapi.install()
            except RuntimeError:
                pass

            assert (sys.meta_path, sys.modules["fastapi"]) == before
            """
        )

    def test_a_package_written_for_fastapi_serves_on_trivium(self, run_python, write):
        write(
            "thirdparty.py",
            """
            from fastapi import APIRouter, Depends
            from fastapi.security import HTTPBearer

            router = APIRouter()

            @router.get("/size")
            def size(text: str, token=Depends(HTTPBearer(auto_error=False))):
                return {"size": len(text), "token": token}
            """,
        )

        printed = run_python(
            """
            import trivium.fastapi
            trivium.fastapi.install()
            import thirdparty
            from trivium import App
            from trivium.testing import TestClient

            app = App()
            app.include_router(thirdparty.router)
            print(TestClient(app).get("/size?text=abc").text)
            """
        )

        assert printed.strip() == '{"size":3,"token":null}'


@pytest.mark.slow
class TestProgram:
    """``python -m trivium.fastapi``."""

    def test_a_script_runs_unchanged_with_its_arguments_and_its_directory(self, run_python, write):
        write("neighbour.py", "from fastapi import Query\n")
        write(
            "main.py",
            """
            import sys
            import fastapi, neighbour

            if __name__ == "__main__":
                print(fastapi.__name__, neighbour.Query.__module__, *sys.argv)
            """,
        )

        printed = run_python("-m", "trivium.fastapi", "main.py", "-x", "y")

        assert printed.split() == [
            "trivium.fastapi",
            "trivium.binding.declare",
            "main.py",
            "-x",
            "y",
        ]

    def test_a_module_runs_unchanged_with_its_arguments(self, run_python, write):
        write("tool.py", "import sys, fastapi\nprint(fastapi.__name__, *sys.argv[1:])\n")

        assert run_python("-m", "trivium.fastapi", "-m", "tool", "a").split() == [
            "trivium.fastapi",
            "a",
        ]

    def test_a_script_may_be_annotated_with_strings(self, run_python, write):
        write(
            "main.py",
            """
            from __future__ import annotations
            from pydantic import BaseModel
            from fastapi import FastAPI
            from fastapi.testclient import TestClient

            class Item(BaseModel):
                parts: list[Item] = []

            app = FastAPI()

            @app.post("/")
            def echo(item: Item) -> Item:
                return item

            print(TestClient(app).post("/", json={"parts": [{}]}).text)
            """,
        )

        printed = run_python("-m", "trivium.fastapi", "main.py")

        assert printed.strip() == '{"parts":[{"parts":[]}]}'

    def test_the_mirror_is_one_module_under_both_names(self, run_python, write):
        write(
            "main.py",
            """
            import sys
            import fastapi
            import trivium.fastapi

            print(fastapi is sys.modules["fastapi"] is trivium.fastapi)
            """,
        )

        assert run_python("-m", "trivium.fastapi", "main.py").strip() == "True"

    @pytest.mark.parametrize("program", [("main.py",), ("-m", "main")])
    def test_the_processes_that_it_starts_run_on_trivium_too(self, run_python, write, program):
        write("child.py", "import fastapi\n\ndef name():\n    return fastapi.__name__\n")
        write(
            "main.py",
            """
            import multiprocessing, subprocess, sys
            import child

            if __name__ == "__main__":
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(pool.apply(child.name))
                command = [sys.executable, "-c", "import fastapi; print(fastapi.__name__)"]
                print(subprocess.run(command, capture_output=True, text=True).stdout)
            """,
        )

        printed = run_python("-m", "trivium.fastapi", *program)

        assert printed.split() == ["trivium.fastapi"] * 2

    def test_a_sitecustomize_of_the_user_still_runs_in_those_processes(self, run_python, write):
        write("sitecustomize.py", "import sys\nsys.customized = True\n")
        write(
            "main.py",
            """
            import os, subprocess, sys

            os.environ["PYTHONPATH"] += os.pathsep + os.getcwd()
            command = [sys.executable, "-c", "import sys; print(sys.customized)"]
            print(subprocess.run(command, capture_output=True, text=True).stdout)
            """,
        )

        assert run_python("-m", "trivium.fastapi", "main.py").strip() == "True"

    def test_a_process_that_never_asks_for_fastapi_does_not_import_trivium(self, run_python, write):
        write(
            "main.py",
            """
            import subprocess, sys

            command = [sys.executable, "-c", "import sys; print('trivium' in sys.modules)"]
            print(subprocess.run(command, capture_output=True, text=True).stdout)
            """,
        )

        assert run_python("-m", "trivium.fastapi", "main.py").strip() == "False"

    def test_the_exit_code_is_the_programs(self, run_python, write):
        write("main.py", "raise SystemExit('enough')\n")

        assert run_python("-m", "trivium.fastapi", "main.py", fails=True).strip() == "enough"

    def test_code_on_the_command_line_runs_too(self, run_python):
        code = "import fastapi, sys; print(fastapi.__name__, *sys.argv)"

        printed = run_python("-m", "trivium.fastapi", "-c", code, "x")

        assert printed.split() == ["trivium.fastapi", "-c", "x"]

    def test_the_version_is_known_before_fastapi_is_imported(self, run_python, write):
        write("main.py", "import importlib.metadata as m; print(m.version('fastapi'))\n")

        assert run_python("-m", "trivium.fastapi", "main.py").strip() == "0.165.0"

    def test_listing_the_installed_packages_does_not_import_trivium(self, run_python, write):
        write(
            "main.py",
            """
            import importlib.metadata, sys

            assert list(importlib.metadata.distributions())
            print("trivium" in sys.modules)
            """,
        )

        assert run_python("-m", "trivium.fastapi", "main.py").strip() == "False"

    def test_the_options_of_python_hold_for_the_program(self, run_python, write):
        write("main.py", "import sys; print(sys.flags.optimize, sys.warnoptions)\n")

        printed = run_python("-O", "-m", "trivium.fastapi", "main.py")

        assert printed.strip() == "1 ['error']"

    def test_it_refuses_where_the_environment_is_ignored(self, run_python, write):
        write("main.py", "")

        code = """
            import sys
            sys.path.insert(0, sys.argv[1])
            from trivium.fastapi._alias.program import run
            run(["main.py"])
            """
        errors = run_python("-E", "-c", textwrap.dedent(code), str(SRC), fails=True)

        assert "-E and -I" in errors

    @pytest.mark.parametrize("arguments", [(), ("-x",), ("--what",)])
    def test_without_a_program_it_says_how_to_name_one(self, run_python, arguments):
        assert "usage:" in run_python("-m", "trivium.fastapi", *arguments, fails=True)

    def test_it_tells_its_usage_when_asked(self, run_python):
        assert run_python("-m", "trivium.fastapi", "--help").startswith("usage:")
