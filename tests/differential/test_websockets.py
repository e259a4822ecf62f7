"""WebSockets are declared, opened, talked on and closed as FastAPI does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from .calls import calls_for
from .case import Case
from .dependencies import Dependency, needs_of, trees
from .driver import Call
from .profiles import fuzz
from .program import Function, Param, Program, Route
from .signatures import signatures

ENDS = (
    "await websocket.close()",
    "await websocket.close(4000, 'enough')",
    "raise WebSocketException(1008, 'refused')",
    "raise ValueError('broken')",
    "raise HTTPException(404)",
    "raise Custom('own')",
    "pass",
    "await websocket.receive_text()",
)
BEFORE = (
    "class Custom(Exception):\n    pass",
    "from_handler = []",
)
HANDLERS = (
    "@app.exception_handler(Custom)\nasync def _custom(websocket, error):\n"
    "    TRACE.append('handler of Custom')\n    await websocket.close(4001, str(error))",
    "@app.exception_handler(WebSocketException)\nasync def _closed(websocket, error):\n"
    "    TRACE.append('handler of WebSocketException')\n    await websocket.close(error.code)",
)


@st.composite
def websocket_cases(draw: st.DrawFn) -> Case:
    """A WebSocket handler with parameters and dependencies, and connections to it."""
    declared: tuple[Param, ...] = draw(
        signatures(("query", "header", "cookie", "path", "plain"), min_size=0, max_size=2)
    )
    tree: tuple[Dependency, ...] = draw(trees(failing=draw(st.booleans()), size=3))
    # What only an HTTP reply can have is not asked for on a WebSocket.
    usable = tuple(
        Dependency(one.name, one.shape, one.needs, one.params, (), one.fails, one.caught, one.leave)
        for one in tree
    )
    needs = draw(needs_of(usable, 2))
    names = [param.name for param in declared] + [need.name for need in needs]
    shown = ", ".join(names)
    lines = ["TRACE.append('handler')"]
    if draw(st.integers(0, 5)) < 5:
        lines.append("await websocket.accept()")
        lines.append(f"await websocket.send_json([show(x) for x in [{shown}]])")
    if draw(st.booleans()):
        lines.append("await websocket.send_text('heard ' + await websocket.receive_text())")
    lines.append(draw(st.sampled_from(ENDS)))
    extra = ("websocket: WebSocket", *(need.source for need in needs))
    in_path = [param for param in declared if param.place == "path"]
    path = "/ws" + "".join(f"/{{{param.name}}}" for param in in_path)
    route = Route(Function("handler", declared, extra, tuple(lines), True), path, "websocket")
    after = tuple(draw(st.lists(st.sampled_from(HANDLERS), max_size=2, unique=True)))
    program = Program(
        (route,), before=(*BEFORE, *(dependency.source for dependency in usable)), after=after
    )
    queried = tuple({p.name: p for one in usable for p in one.params}.values())
    taken = {param.name for param in declared}
    asked = declared + tuple(param for param in queried if param.name not in taken)
    calls = draw(st.lists(calls_for(asked, path=path, method="WEBSOCKET"), min_size=1, max_size=3))
    spoken = draw(st.sampled_from([(), (b"hello",), (b"one", b"two")]))
    made = [
        Call(call.method, call.path, call.query, call.headers, spoken, call.root_path)
        for call in calls
    ]
    made.append(Call("WEBSOCKET", draw(st.sampled_from([b"/nowhere", b"/ws/", b"/openapi.json"]))))
    return Case(program, tuple(made))


@fuzz(120)
@given(case=websocket_cases())
def test_websockets_open_talk_and_close_alike(case: Case) -> None:
    """Parameters, dependencies, refusals, errors and handlers of them, message by message."""
    case.check(pieces=True)
