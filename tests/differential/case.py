"""A program together with the calls made to it: what a property is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from .calls import calls_for
from .compare import assert_same
from .driver import Call
from .program import Function, Param, Program, Route


@dataclass(frozen=True)
class Case:
    """A program and the calls to make. Prints as the program's source and the calls."""

    program: Program
    calls: tuple[Call, ...] = ()

    def __repr__(self) -> str:
        calls = "\n".join(str(call) for call in self.calls)
        return f"\n{self.program.source}\n{calls}\n"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # Hypothesis would print the dataclass field by field.
        printer.text(repr(self))

    def check(self, *, pieces: bool = False) -> None:
        assert_same(self.program.source, self.calls, pieces=pieces)


@st.composite
def handler_cases(
    draw: st.DrawFn,
    signatures: st.SearchStrategy[tuple[Param, ...]],
    *,
    method: str = "get",
    app: str = "FastAPI()",
    calls: int = 4,
) -> Case:
    """One handler with a drawn signature, and calls that fit it more or less."""
    declared = draw(signatures)
    function = Function("handler", declared, asynchronous=draw(st.booleans()))
    in_path = [param for param in declared if param.place == "path"]
    path = "/" + "/".join(
        f"{{{param.name}{':' * bool(param.converter)}{param.converter}}}" for param in in_path
    )
    route = Route(function, path, method)
    made = draw(
        st.lists(calls_for(declared, path=path, method=method.upper()), min_size=1, max_size=calls)
    )
    program = Program((route,), app, stringified=draw(st.integers(0, 5)) == 5)
    return Case(program, tuple(made))
