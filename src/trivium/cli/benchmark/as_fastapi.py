"""A program's launcher: runs a module with `trivium.fastapi` meaning the fastapi package.

    python as_fastapi.py uvicorn main:app --port 8000

The opposite of `python -m trivium.fastapi`, so that a program that imports its names from
`trivium.fastapi` can be measured under FastAPI itself. Nothing of Trivium is imported here.
"""

import importlib
import importlib.util
import os
import runpy
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MIRROR = "trivium.fastapi"


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "trivium":
            return ModuleSpec(fullname, _Package(), is_package=True)
        if fullname == MIRROR or fullname.startswith(f"{MIRROR}."):
            name = "fastapi" + fullname.removeprefix(MIRROR)
            found = importlib.util.find_spec(name)
            if found is not None:
                is_package = found.submodule_search_locations is not None
                return ModuleSpec(fullname, _Alias(name), is_package=is_package)
        if fullname.startswith("trivium."):
            raise ModuleNotFoundError(_own(fullname), name=fullname)
        return None


class _Alias(Loader):
    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the alias's spec into FastAPI's own module.
        module.__spec__ = self._spec


class _Package(Loader):
    """Stands for the package `trivium`, which has nothing but the mirror here."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        def missing(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            raise ImportError(_own(f"trivium.{name}"))

        module.__path__ = []
        vars(module)["__getattr__"] = missing


def _own(name: str) -> str:
    return (
        f"{name} is Trivium's own, so the program cannot run under FastAPI. "
        "What both have is in trivium.fastapi."
    )


if __name__ == "__main__":
    # As `python -m` has it: the directory of this file is none to import from.
    sys.path[0] = os.getcwd()
    sys.meta_path.insert(0, _Finder())
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
