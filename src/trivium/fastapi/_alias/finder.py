"""``import fastapi`` yields Trivium's mirror, the very same module objects.

The import system asks the finders in ``sys.meta_path``. Ours answers for ``fastapi`` and everything
below it with a loader that imports ``trivium.fastapi`` and its submodule, so that
``fastapi.security.http is trivium.fastapi.security.http`` and no class exists twice. It also
answers ``importlib.metadata.version("fastapi")``, which libraries ask before they agree to work.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType

from trivium.errors import TriviumError

__all__ = ["Finder", "install"]

ALIAS = "fastapi"
MIRROR = "trivium.fastapi"

# Below the mirror, but not part of FastAPI's tree.
_OWN = ("._alias", ".__main__")


def install() -> None:
    """Makes ``fastapi`` mean ``trivium.fastapi`` in this process, for all modules imported later.

    Call it before anything imports ``fastapi``; calling it again changes nothing. It does not
    reach processes that are started anew; ``python -m trivium.fastapi`` does.

    Raises ``TriviumError`` if FastAPI itself was imported before: modules that hold its names
    would go on using them, and one program would run on two frameworks. The error lists them.
    """
    mirror = importlib.import_module(MIRROR)
    if sys.modules.get(ALIAS) is not mirror and _is_loaded(ALIAS):
        raise TriviumError(_too_late())
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    sys.modules[ALIAS] = mirror


class Finder(DistributionFinder):
    """Finds ``fastapi`` and its submodules in the mirror."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if not _is_below(fullname, ALIAS):
            return None
        name = fullname.removeprefix(ALIAS)
        if name.startswith(_OWN):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        found = importlib.util.find_spec(MIRROR + name)
        if found is None:
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: Trivium mirrors FastAPI's public modules, "
                "and this is not one of them",
                name=fullname,
            )
        is_package = found.submodule_search_locations is not None
        return ModuleSpec(fullname, _Loader(found.name), origin=found.origin, is_package=is_package)

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        if context is None or context.name is None or context.name.lower() == ALIAS:
            yield _Distribution()


class _Loader(Loader):
    """Loads a module of the mirror under its second name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the alias's spec into the module, which it takes for
        # a new one. The module is one of the mirror, and its own spec is what reload() needs.
        module.__spec__ = self.spec


class _Distribution(Distribution):
    """What ``importlib.metadata`` tells of ``fastapi``: the version whose API the mirror has."""

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        version: str = importlib.import_module(MIRROR).__version__
        return f"Metadata-Version: 2.1\nName: {ALIAS}\nVersion: {version}\n"

    def locate_file(self, path: object) -> Path:
        # Next to the mirror; nothing is installed there under the distribution's name.
        return Path(__file__).parents[1] / str(path)


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _is_loaded(package: str) -> bool:
    return any(_is_below(name, package) for name in sys.modules)


def _too_late() -> str:
    lines = [
        "FastAPI itself is imported already, so `fastapi` cannot mean Trivium in this process: "
        "what was imported from it stays what it is.",
    ]
    if holders := dict(_holders()):
        lines.append("These modules hold names of it:")
        lines += [f"  {name}: {', '.join(names)}" for name, names in holders.items()]
    lines += [
        "Do one of these instead:",
        "  call `trivium.fastapi.install()` before the first import that leads to fastapi, or in",
        "  `sitecustomize.py`;",
        "  start the program as `python -m trivium.fastapi main.py`, or",
        "  `python -m trivium.fastapi -m uvicorn main:app`, which needs no change in it.",
    ]
    return "\n".join(lines)


def _holders() -> Iterator[tuple[str, list[str]]]:
    """The loaded modules that use FastAPI, each with the names that come from there."""
    for module_name, module in sorted(sys.modules.items()):
        if _is_below(module_name, ALIAS) or not isinstance(module, ModuleType):
            continue
        names = [name for name, value in vars(module).copy().items() if _is_of_fastapi(value)]
        if names:
            yield module_name, sorted(names)


def _is_of_fastapi(value: object) -> bool:
    owner = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return isinstance(owner, str) and _is_below(owner, ALIAS)
