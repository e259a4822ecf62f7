"""Python imports this when it starts with this directory on ``PYTHONPATH``.

It makes ``fastapi`` mean Trivium in a program that ``python -m trivium.fastapi`` runs, and in the
processes that the program starts itself: a reloader's, a worker's. Trivium is imported only when
``fastapi`` is, since most processes never do.
"""

import importlib.util
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path


class _OnFirstUse(DistributionFinder):
    """Installs the alias as soon as someone asks for ``fastapi``, and steps aside."""

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        return self._successor().find_spec(fullname, None) if fullname == "fastapi" else None

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        if context is None or (context.name or "").lower() != "fastapi":
            return ()
        return self._successor().find_distributions(context)

    def _successor(self) -> DistributionFinder:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        from trivium.fastapi._alias.finder import Finder

        # Not `install()`: were `fastapi` in `sys.modules` when this returns, the import system
        # would take the mirror's own spec from there, and execute the mirror a second time.
        finder = Finder()
        sys.meta_path.insert(0, finder)
        return finder


def _run_shadowed() -> None:
    """Runs the ``sitecustomize`` that Python would have run without us, if there is one."""
    here = Path(__file__).resolve().parent
    others = [entry for entry in sys.path if Path(entry).resolve() != here]
    spec: ModuleSpec | None = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


sys.meta_path.insert(0, _OnFirstUse())
_run_shadowed()
