"""Middleware stands around the routes, and around errors, as FastAPI puts it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from .case import Case
from .driver import Call
from .profiles import fuzz
from .program import Function, Program, Route

BEFORE = (
    """class Custom(Exception):
    pass""",
    """class Noting:
    def __init__(self, app, name="noting"):
        self.app, self.name = app, name

    async def __call__(self, scope, receive, send):
        TRACE.append(self.name + " in")
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            TRACE.append(self.name + " saw " + type(error).__name__)
            raise""",
)
ADDED = (
    "app.add_middleware(Noting)",
    "app.add_middleware(Noting, name='second')",
    "app.add_middleware(GZipMiddleware, minimum_size=10)",
    "app.add_middleware(TrustedHostMiddleware, allowed_hosts=['good.example'])",
    "app.add_middleware(CORSMiddleware, allow_origins=['https://a.example'])",
    """@app.middleware('http')
async def timing(request, call_next):
    TRACE.append('before')
    response = await call_next(request)
    TRACE.append('after ' + str(response.status_code))
    response.headers['x-timed'] = '1'
    return response""",
    """@app.middleware('http')
async def answering(request, call_next):
    if 'x-answer' in request.headers:
        return PlainTextResponse('answered', 418)
    return await call_next(request)""",
    """@app.middleware('http')
async def catching(request, call_next):
    try:
        return await call_next(request)
    except Exception as error:
        return PlainTextResponse('caught ' + type(error).__name__, 500)""",
)
LINES = (
    "return 'x' * 40",
    "raise HTTPException(404, 'missing', {'x-own': '1'})",
    "raise ValueError('broken')",
    "raise Custom('own')",
    "return PlainTextResponse('é' * 20)",
    "return StreamingResponse(iter(['a' * 20, 'b' * 20]))",
    "tasks.add_task(TRACE.append, 'task'); return 1",
    "return len(await request.body())",
)
AFTER = (
    "@app.exception_handler(Custom)\ndef _custom(request, error):\n"
    "    TRACE.append('handler of Custom')\n    return PlainTextResponse('own', 499)",
    "@app.exception_handler(Exception)\ndef _any(request, error):\n"
    "    TRACE.append('handler of Exception')\n    return PlainTextResponse('any', 500)",
)
HEADERS = (
    (b"host", b"good.example"),
    (b"host", b"bad.example"),
    (b"origin", b"https://a.example"),
    (b"origin", b"https://b.example"),
    (b"access-control-request-method", b"GET"),
    (b"accept-encoding", b"gzip"),
    (b"x-answer", b"1"),
)


@st.composite
def middleware_cases(draw: st.DrawFn) -> Case:
    """A handler behind drawn middleware, and calls that concern it."""
    added = draw(st.lists(st.sampled_from(ADDED), min_size=1, max_size=3, unique=True))
    after = draw(st.lists(st.sampled_from(AFTER), max_size=2, unique=True))
    function = Function(
        "handler",
        (),
        ("request: Request", "tasks: BackgroundTasks", "n: int = 0"),
        ("TRACE.append('handler')", draw(st.sampled_from(LINES))),
        asynchronous=True,
    )
    options = draw(st.sampled_from(["", "middleware=[Middleware(Noting, name='first')]"]))
    program = Program(
        (Route(function, "/", draw(st.sampled_from(["get", "post"]))),),
        f"FastAPI({options})",
        BEFORE,
        (*added, *after),
    )
    calls = st.builds(
        lambda method, path, query, headers, body: Call(
            method, path, query, tuple(headers), (body,)
        ),
        st.sampled_from(["GET", "POST", "OPTIONS", "HEAD"]),
        st.sampled_from([b"/", b"/", b"/", b"/nowhere"]),
        st.sampled_from([b"", b"", b"n=x"]),
        st.lists(st.sampled_from(HEADERS), max_size=3, unique_by=lambda header: header[0]),
        st.sampled_from([b"", b"body"]),
    )
    return Case(program, tuple(draw(st.lists(calls, min_size=1, max_size=4))))


@fuzz(120)
@given(case=middleware_cases())
def test_middleware_sees_requests_replies_and_errors_alike(case: Case) -> None:
    """ASGI classes, functions and Starlette's own, in one order, inside and outside of handlers."""
    case.check()
