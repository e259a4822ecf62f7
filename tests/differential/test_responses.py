"""What a handler returns, streams or raises becomes the same reply."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from .calls import damaged
from .case import Case
from .driver import Call
from .kinds import Kind, optional, scalars, sequences, wild_values
from .models import bodies, body_models
from .profiles import fuzz
from .program import Function, Program, Route

RENDERING = (
    "response_model_by_alias=False",
    "response_model_exclude_unset=True",
    "response_model_exclude_defaults=True",
    "response_model_exclude_none=True",
    "response_model_include={'id', 'name'}",
    "response_model_include=['name']",
    "response_model_exclude={'id'}",
    "response_model_exclude={'parent': {'id'}}",
)
CLASSES = (
    "JSONResponse",
    "PlainTextResponse",
    "HTMLResponse",
    "Response",
    "Shouting",
)
SHOUTING = """class Shouting(JSONResponse):
    media_type = "application/shout+json"

    def render(self, content):
        return super().render(content).upper()"""

STATUSES = (
    "200",
    "201",
    "202",
    "204",
    "205",
    "304",
    "400",
    "418",
    "500",
    "status.HTTP_206_PARTIAL_CONTENT",
)

methods = st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"])


@st.composite
def returned(draw: st.DrawFn, kind: Kind) -> str:
    """A value of the kind as source: as JSON data, as an instance, or as something else."""
    value = draw(kind.values)
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2:
            return repr(value)
        case 3 | 4 | 5:
            return f"made({kind.annotation}, {value!r})"
        case 6:
            return repr(draw(damaged(value)))
        case 7 if isinstance(value, dict) and all(str(key).isidentifier() for key in value):
            return f"SimpleNamespace(**{value!r})"
        case 8:
            return f"[{value!r}]"
    return repr(draw(wild_values))


@st.composite
def model_cases(draw: st.DrawFn, kinds: st.SearchStrategy[Kind]) -> Case:
    """A handler with a response model, or a return annotation, and a value that may fit it."""
    kind = draw(kinds)
    options = draw(st.lists(st.sampled_from(RENDERING), max_size=2, unique_by=_key))
    if draw(st.integers(0, 4)) == 4:
        options.append(f"response_class={draw(st.sampled_from(CLASSES))}")
    if draw(st.integers(0, 4)) == 4:
        options.append(f"status_code={draw(st.sampled_from(STATUSES))}")
    returns = ""
    match draw(st.integers(0, 4)):
        case 0 | 1:
            returns = kind.annotation
        case 2 | 3:
            options.append(f"response_model={kind.annotation}")
        case 4:
            returns = kind.annotation
            options.append(draw(st.sampled_from(["response_model=None", "response_model=Any"])))
    function = Function(
        "handler",
        lines=(f"return {draw(returned(kind))}",),
        asynchronous=draw(st.booleans()),
        returns=returns,
    )
    app = draw(
        st.sampled_from(
            [
                *["FastAPI()"] * 4,
                "FastAPI(default_response_class=Shouting)",
                "FastAPI(separate_input_output_schemas=False)",
            ]
        )
    )
    program = Program(
        (Route(function, "/", "get", tuple(options)),), app, (SHOUTING,), kinds=(kind,)
    )
    return Case(program, (Call(),))


def _key(option: str) -> str:
    return option.partition("=")[0]


@fuzz(140)
@given(case=model_cases(body_models(2)))
def test_response_models_filter_and_validate_alike(case: Case) -> None:
    """Models with aliases, defaults, nesting and computed fields, under every rendering option."""
    case.check()


@fuzz(80)
@given(
    case=model_cases(
        st.one_of(
            bodies,
            scalars,
            sequences,
            scalars.map(optional),
            st.just(Kind("None", scalars.flatmap(lambda kind: kind.texts), st.none())),
        )
    )
)
def test_return_annotations_of_any_type_serialise_alike(case: Case) -> None:
    """Scalars, containers, unions and None as what a handler returns."""
    case.check()


RETURNED = (
    "None",
    "'text'",
    "{'a': 1}",
    "[1, 2.5, nan]",
    "b'bytes'",
    "{'at': datetime(2024, 2, 29), 'id': UUID(int=1), 'd': Decimal('1.10'), 's': {1}}",
    "Color.red",
    "object()",
    "JSONResponse({'b': 2}, 299, {'x-own': 'o'})",
    "Response(b'raw', media_type='image/png')",
    "Response(status_code=204)",
    "PlainTextResponse('é')",
    "HTMLResponse('<p>')",
    "RedirectResponse('/é?x=1 2')",
    "RedirectResponse('/', 303, {'x-own': 'o'})",
    "StreamingResponse(iter(['a', b'b']), media_type='text/csv')",
    "FileResponse(__import__('os').devnull)",
    "(1, 2)",
    "{1: 'a', None: 'b', True: 'c'}",
)
INJECTED = (
    "response.status_code = 299",
    "response.status_code = 204",
    "response.headers['x-a'] = '1'",
    "response.headers['content-type'] = 'text/x'",
    "response.headers.append('vary', 'accept')",
    "response.set_cookie('c', 'v w', max_age=3, httponly=True, samesite='strict')",
    "response.delete_cookie('c')",
    "tasks.add_task(TRACE.append, 'task')",
)


@st.composite
def value_cases(draw: st.DrawFn) -> Case:
    """A handler without a response model, an injected response, and any status and class."""
    options = []
    if draw(st.booleans()):
        options.append(f"status_code={draw(st.sampled_from(STATUSES))}")
    if draw(st.integers(0, 2)) == 2:
        options.append(f"response_class={draw(st.sampled_from(CLASSES))}")
    lines = draw(st.lists(st.sampled_from(INJECTED), max_size=3))
    lines.append(f"return {draw(st.sampled_from(RETURNED))}")
    function = Function(
        "handler",
        (),
        ("response: Response", "tasks: BackgroundTasks"),
        tuple(lines),
        draw(st.booleans()),
    )
    verb = draw(st.sampled_from(["get", "post", "head", "options", "delete"]))
    route = Route(function, "/", verb, tuple(options))
    called = draw(st.sampled_from([verb.upper(), verb.upper(), "HEAD", "OPTIONS", "GET"]))
    return Case(Program((route,), before=(SHOUTING,)), (Call(called),))


@fuzz(140)
@given(case=value_cases())
def test_any_value_status_and_class_make_the_same_reply(case: Case) -> None:
    """Plain values, responses and injected headers, for each status that allows a body or not."""
    case.check()


ITEMS = ("'a'", "{'a': 1}", "[nan]", "made(Item, {'name': 'n'})", "Item", "None", "b'raw'", "1.5")
EVENTS = (
    "ServerSentEvent(data={'a': 1})",
    "ServerSentEvent(data='é', event='e', id='7', retry=10)",
    "ServerSentEvent(raw_data='a\\nb')",
    "ServerSentEvent(comment='c')",
    "ServerSentEvent(data=made(Item, {'name': 'n'}), comment='c')",
)
ITEM = """class Item(BaseModel):
    name: str
    size: Optional[int] = Field(None, alias='Size')"""


@st.composite
def stream_cases(draw: st.DrawFn) -> Case:
    """A generator as a handler: JSON lines, events or raw pieces, of a declared type or not."""
    asynchronous = draw(st.booleans())
    kind = draw(st.sampled_from(["jsonl", "sse", "raw"]))
    pool = (*ITEMS, *EVENTS) if kind == "sse" else ITEMS
    if kind == "raw":
        pool = ("'a'", "b'b'", "''", "'é'", "1")
    items = draw(st.lists(st.sampled_from(pool), max_size=4))
    lines = [f"yield {item}" for item in items] or ["if False: yield"]
    if draw(st.integers(0, 3)) == 3:
        at = draw(st.integers(0, len(lines)))
        lines.insert(
            at, draw(st.sampled_from(["raise ValueError('mid')", "raise HTTPException(404)"]))
        )
    lines = ["try:", *("    " + line for line in lines), "finally:", "    TRACE.append('left')"]
    container = "AsyncIterable" if asynchronous else "Iterable"
    item = draw(st.sampled_from(["Item", "Any", "dict[str, int]", "str", "ServerSentEvent"]))
    returns = draw(st.sampled_from(["", f"{container}[{item}]", container]))
    options = []
    if kind == "sse":
        options.append("response_class=EventSourceResponse")
    if kind == "raw":
        options.append("response_class=StreamingResponse")
    if draw(st.integers(0, 3)) == 3:
        options.append(f"status_code={draw(st.sampled_from(['201', '204']))}")
    if draw(st.integers(0, 3)) == 3:
        options.append(draw(st.sampled_from(RENDERING)))
    extra = ("response: Response",) if draw(st.booleans()) else ()
    if extra:
        lines.insert(0, "response.headers['x-late'] = '1'")
    if draw(st.booleans()):
        extra += ("hold: Annotated[Any, Depends(hold)]",)
    function = Function("handler", (), extra, tuple(lines), asynchronous, returns)
    hold = (
        "def hold(response: Response, tasks: BackgroundTasks):\n"
        "    response.headers['x-hold'] = '1'\n"
        "    tasks.add_task(TRACE.append, 'task')\n"
        "    yield\n"
        "    TRACE.append('released')"
    )
    route = Route(function, "/", "get", tuple(options))
    return Case(Program((route,), before=(ITEM, hold)), (Call(),))


@fuzz(110)
@given(case=stream_cases())
def test_streams_send_the_same_pieces(case: Case) -> None:
    """JSON lines, Server-Sent Events and raw streams, complete or broken off by an error."""
    case.check(pieces=True)


DETAILS = (
    "None",
    "'text'",
    "{'a': [1, None]}",
    "[]",
    "''",
    "0",
    "nan",
    "object()",
    "datetime(2024, 1, 1)",
)
HANDLERS = (
    "@app.exception_handler(HTTPException)\ndef _http(request, error):\n"
    "    return JSONResponse({'http': error.status_code}, error.status_code)",
    "@app.exception_handler(404)\nasync def _missing(request, error):\n"
    "    return PlainTextResponse('missing ' + request.url.path, 404)",
    "@app.exception_handler(RequestValidationError)\ndef _invalid(request, error):\n"
    "    return JSONResponse(show([error.errors(), error.body]), 400)",
    "@app.exception_handler(ResponseValidationError)\ndef _wrong(request, error):\n"
    "    return JSONResponse(show(error.errors()), 502)",
    "@app.exception_handler(Exception)\ndef _any(request, error):\n"
    "    return JSONResponse({'any': type(error).__name__}, 500)",
    "@app.exception_handler(500)\ndef _500(request, error):\n"
    "    return JSONResponse({'500': type(error).__name__}, 500)",
    "@app.exception_handler(ValueError)\ndef _value(request, error):\n"
    "    raise KeyError('from a handler')",
    "@app.exception_handler(KeyError)\nasync def _translating(request, error):\n"
    "    raise HTTPException(410, 'translated')",
    "@app.exception_handler(LookupError)\ndef _lookup(request, error):\n"
    "    return JSONResponse({'lookup': str(error)}, 499)",
)


@st.composite
def error_cases(draw: st.DrawFn) -> Case:
    """A handler that raises, under a drawn set of exception handlers."""
    code = draw(st.sampled_from(["400", "404", "204", "304", "500", "418", "599"]))
    headers = draw(st.sampled_from(["", ", headers={'x-e': '1', 'www-authenticate': 'Basic'}"]))
    raised = draw(
        st.sampled_from(
            [
                f"HTTPException({code}, {draw(st.sampled_from(DETAILS))}{headers})",
                f"HTTPException({code}{headers})",
                "ValueError('v')",
                "KeyError('k')",
                "IndexError('i')",
                "RequestValidationError([{'type': 't', 'loc': ('body', 1), 'msg': 'm'}], body='b')",
            ]
        )
    )
    returns = draw(st.sampled_from(["", "int"]))
    line = draw(st.sampled_from([f"raise {raised}", f"raise {raised}", "return 'no number'"]))
    function = Function("handler", (), ("n: int = 0",), (line,), draw(st.booleans()), returns)
    app = draw(st.sampled_from(["FastAPI()", "FastAPI()", "FastAPI(debug=True)"]))
    after = tuple(draw(st.lists(st.sampled_from(HANDLERS), max_size=3, unique=True)))
    query = draw(st.sampled_from([b"", b"n=1", b"n=x"]))
    path = draw(st.sampled_from([b"/", b"/", b"/", b"/missing"]))
    method = draw(methods)
    return Case(Program((Route(function),), app, after=after), (Call(method, path, query),))


@fuzz(120)
@given(case=error_cases())
def test_errors_become_the_same_reply(case: Case) -> None:
    """HTTP errors with any detail, custom handlers, invalid requests and results, bare errors."""
    case.check()
