"""Python imports this when it starts with this directory on ``PYTHONPATH``.

It makes ``fastapi`` mean Trivium in the processes that a program started by
``python -m trivium.fastapi`` starts itself: a reloader's, a worker's. Trivium is imported only when
``fastapi`` is, since most processes never do.
"""

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path


class _OnFirstImport(MetaPathFinder):
    """Installs the alias as soon as someone asks for ``fastapi``, and steps aside."""

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        if fullname != "fastapi" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        from trivium.fastapi._alias.finder import Finder, install

        install()
        return Finder().find_spec(fullname)


def _run_shadowed() -> None:
    """Runs the ``sitecustomize`` that Python would have run without us, if there is one."""
    here = Path(__file__).resolve().parent
    others = [entry for entry in sys.path if Path(entry).resolve() != here]
    spec: ModuleSpec | None = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


sys.meta_path.insert(0, _OnFirstImport())
_run_shadowed()
