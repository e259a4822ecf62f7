"""One side of a comparison: a module that has FastAPI's names."""

import asyncio
import importlib
from collections.abc import Coroutine
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


class Framework:
    """FastAPI's names as `module` offers them: `framework.APIRouter`, `framework.Depends`, ...

    Cases are written against this object, so that both sides run the same program text.
    """

    def __init__(self, module: str, loop: str) -> None:
        self._module: ModuleType = importlib.import_module(module)
        self._loop = loop
        self.application = getattr(self._module, "FastAPI", None) or self._module.App

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def submodule(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self._module.__name__}.{name}")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs `work` to its end on a new event loop."""
        with asyncio.Runner(loop_factory=self._loop_factory()) as runner:
            return runner.run(work)

    def _loop_factory(self) -> Any:
        if self._loop != "uvloop":
            return asyncio.new_event_loop
        return importlib.import_module("uvloop").new_event_loop
