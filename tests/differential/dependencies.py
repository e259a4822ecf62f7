"""Strategies for trees of dependencies: what they are, what they need and how they fail."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from .kinds import SCALARS
from .program import Param
from .signatures import params

# The ways to write a dependency. Each records in TRACE when it is entered and left.
SHAPES = (
    "function",
    "coroutine",
    "generator",
    "async generator",
    "class",
    "instance",
    "partial",
    "method",
    "wrapped",
)
YIELDING = ("generator", "async generator")

ERRORS = (
    "HTTPException(418, {'why': 'dep'}, {'x-why': 'dep'})",
    "HTTPException(404)",
    "Custom('dep')",
    "ValueError('dep')",
)

# What else a dependency may ask for, with the line that uses it.
ASKS = (
    ("response: Response", "response.headers['x-{name}'] = '{name}'"),
    ("response: Response", "response.set_cookie('{name}', 'v')"),
    ("response: Response", "response.status_code = 202"),
    ("request: Request", "TRACE.append(request.url.path)"),
    ("connection: HTTPConnection", "TRACE.append(str(connection.url))"),
    ("tasks: BackgroundTasks", "tasks.add_task(TRACE.append, 'task of {name}')"),
    ("scopes: SecurityScopes", "TRACE.append('{name} ' + repr(scopes.scopes) + scopes.scope_str)"),
)


@dataclass(frozen=True)
class Need:
    """A dependency as a parameter: `arguments` are those of Depends() or Security()."""

    name: str
    function: str = "Depends"
    arguments: str = ""
    style: str = "annotated"

    @property
    def call(self) -> str:
        return f"{self.function}({self.name}{', ' * bool(self.arguments)}{self.arguments})"

    @property
    def source(self) -> str:
        if self.style == "annotated":
            return f"{self.name}: Annotated[Any, {self.call}]"
        return f"{self.name}=" + self.call


@dataclass(frozen=True)
class Dependency:
    """One dependency. `caught` is the line under its `except`, `leave` the one under `finally`."""

    name: str
    shape: str = "function"
    needs: tuple[Need, ...] = ()
    params: tuple[Param, ...] = ()
    asks: tuple[tuple[str, str], ...] = ()
    fails: str = ""
    caught: str = "raise"
    leave: str = ""

    @property
    def source(self) -> str:
        asked = [ask for ask, _ in self.asks]
        declared = [param.source for param in self.params]
        names = [need.name for need in self.needs] + [param.name for param in self.params]
        result = f"[{', '.join([repr(self.name), *names])}]"
        listed = [*(need.source for need in self.needs), *declared, *asked]
        signature = f"*, {', '.join(listed)}" if listed else ""
        lines = [f"TRACE.append('enter {self.name}')"]
        lines += [line.format(name=self.name) for _, line in self.asks]
        if self.fails:
            lines.append(f"raise {self.fails}")
        return self._written(signature, lines, result)

    def _written(self, signature: str, lines: list[str], result: str) -> str:
        name = self.name
        match self.shape:
            case "generator" | "async generator":
                word = "async def" if self.shape == "async generator" else "def"
                lines += [
                    "try:",
                    f"    yield {result}",
                    "except BaseException as error:",
                    f"    TRACE.append('{name} caught ' + type(error).__name__)",
                    f"    {self.caught}",
                    "finally:",
                    f"    TRACE.append('leave {name}')",
                    *([f"    {self.leave}"] if self.leave else []),
                ]
                return _block(f"{word} {name}({signature}):", lines)
            case "coroutine":
                return _block(f"async def {name}({signature}):", [*lines, f"return {result}"])
            case "class":
                inner = _block(
                    f"def __init__(self, {signature}):" if signature else "def __init__(self):",
                    [*lines, f"self.made = {result}"],
                )
                body = [*inner.split("\n"), "def __repr__(self):", "    return repr(self.made)"]
                return _block(f"class {name}:", body)
            case "instance" | "method":
                method = "__call__" if self.shape == "instance" else "made"
                head = f"def {method}(self, {signature}):" if signature else f"def {method}(self):"
                inner = _block(head, [*lines, f"return {result}"])
                made = f"_{name}()" if self.shape == "instance" else f"_{name}().made"
                return f"{_block(f'class _{name}:', inner.split(chr(10)))}\n\n{name} = {made}"
            case "partial":
                inner = _block(f"def _{name}(given, {signature}):", [*lines, f"return {result}"])
                if not signature:
                    inner = inner.replace("(given, )", "(given)")
                return f"{inner}\n\n{name} = partial(_{name}, 'given')"
            case "wrapped":
                inner = _block(f"def _{name}({signature}):", [*lines, f"return {result}"])
                wrapper = _block(f"def {name}(**given):", [f"return _{name}(**given)"])
                return f"{inner}\n\n@wraps(_{name})\n{wrapper}"
        return _block(f"def {name}({signature}):", [*lines, f"return {result}"])


def _block(head: str, lines: list[str]) -> str:
    return "\n    ".join([head, *lines])


@st.composite
def needs_of(
    draw: st.DrawFn, earlier: tuple[Dependency, ...], at_most: int = 2
) -> tuple[Need, ...]:
    """Some of the dependencies that stand before, with drawn arguments."""
    if not earlier:
        return ()
    chosen = draw(
        st.lists(
            st.sampled_from([dependency.name for dependency in earlier]),
            max_size=at_most,
            unique=True,
        )
    )
    needs = []
    for name in chosen:
        function = draw(st.sampled_from(["Depends", "Depends", "Security"]))
        arguments = draw(
            st.sampled_from(
                [
                    *("", "", "", "use_cache=False", "scope='request'", "scope='function'"),
                    "max_concurrency=1",
                ]
            )
        )
        if function == "Security":
            arguments = draw(
                st.sampled_from(["", "scopes=['a']", "scopes=['b', 'a']", "use_cache=False"])
            )
        needs.append(Need(name, function, arguments, draw(st.sampled_from(["annotated", "plain"]))))
    return tuple(needs)


@st.composite
def trees(draw: st.DrawFn, *, failing: bool = False, size: int = 4) -> tuple[Dependency, ...]:
    """Dependencies in order of definition; each may need those before it."""
    made: tuple[Dependency, ...] = ()
    for index in range(draw(st.integers(1, size))):
        name = f"d{index}"
        shape = draw(st.sampled_from(SHAPES))
        needs = draw(needs_of(made))
        declared: tuple[Param, ...] = ()
        if draw(st.integers(0, 2)) == 2:
            query = params(f"q{draw(st.integers(0, 1))}", "query", st.sampled_from(SCALARS[:2]))
            declared = (draw(query),)
        asks = tuple(
            draw(st.lists(st.sampled_from(ASKS), max_size=2, unique_by=lambda ask: ask[0]))
        )
        fails = caught = leave = ""
        if failing:
            fails = draw(st.sampled_from(["", "", "", *ERRORS]))
            caught = draw(
                st.sampled_from(["raise", "raise", "pass", *(f"raise {error}" for error in ERRORS)])
            )
            leave = draw(st.sampled_from(["", "", "", *(f"raise {error}" for error in ERRORS)]))
        made += (Dependency(name, shape, needs, declared, asks, fails, caught or "raise", leave),)
    return made
