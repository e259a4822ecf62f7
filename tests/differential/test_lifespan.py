"""An application starts up and shuts down as FastAPI does."""

from __future__ import annotations

import warnings

from hypothesis import given
from hypothesis import strategies as st

from .driver import Call, Driver
from .profiles import fuzz
from .sides import LEFT, RIGHT, build

LIFESPANS = """from contextlib import asynccontextmanager

def noted(name, state=None, fails=None):
    @asynccontextmanager
    async def lifespan(app):
        TRACE.append(name + " up")
        if fails == "up":
            raise ValueError(name)
        try:
            yield state
        finally:
            TRACE.append(name + " down")
        if fails == "down":
            raise ValueError(name)
    return lifespan

def generator(app):
    TRACE.append("generator up")
    yield
    TRACE.append("generator down")

def note(name):
    def noting():
        TRACE.append(name)
    return noting

async def broken():
    raise LookupError("broken")
"""
CHOICES = (
    "",
    "lifespan=noted('{name}')",
    "lifespan=noted('{name}', {{'{name}': 1}})",
    "lifespan=noted('{name}', {{'shared': '{name}'}})",
    "lifespan=noted('{name}', fails='up')",
    "lifespan=noted('{name}', fails='down')",
    "lifespan=generator",
)
# For an app alone: FastAPI runs the events of an included router twice, Trivium once.
EVENTS = (
    "on_startup=[note('{name} start')], on_shutdown=[note('{name} stop')]",
    "on_startup=[broken]",
)
AFTER = (
    "app.router.add_event_handler('startup', note('added'))",
    "@app.on_event('shutdown')\nasync def stopping():\n    TRACE.append('stopping')",
    "app.router.add_event_handler('shutdown', note('added to the router'))",
)


@st.composite
def lives(draw: st.DrawFn) -> str:
    """An app and routers with lifespans or events, included in each other."""
    choice = st.sampled_from(CHOICES)
    own = draw(st.sampled_from(CHOICES + EVENTS)).format(name="app")
    parts = [LIFESPANS, f"app = FastAPI({own})"]
    for index in range(draw(st.integers(0, 2))):
        options = draw(choice).format(name=f"r{index}")
        parent = draw(st.sampled_from(["app", "app", "r0"])) if index else "app"
        parts.append(f"r{index} = APIRouter({options})")
        parts.append(f"{parent}.include_router(r{index}, prefix='/r{index}')")
    parts += draw(st.lists(st.sampled_from(AFTER), max_size=2, unique=True))
    parts.append(
        "@app.get('/')\ndef handler(request: Request):\n"
        "    TRACE.append('handler')\n"
        "    return sorted(map(repr, request.state._state.items()))"
    )
    return "\n\n".join(parts) + "\n"


@fuzz(90)
@given(source=lives())
def test_lifespans_and_events_run_in_the_same_order(source: str) -> None:
    """Start-up, state, shutdown and failures of both, of an app and of the routers in it."""
    told = []
    for root in (LEFT, RIGHT):
        driver = Driver()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            built = build(source, root)
            assert built.refused is None
            try:
                told.append((driver.live(built.app, Call(), built.trace), built.trace))
            finally:
                driver.close()
    assert told[0] == told[1], source
