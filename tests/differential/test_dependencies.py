"""Dependencies are resolved, cached, entered and left in FastAPI's order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from .calls import Headers, calls_for, json_bodies
from .case import Case
from .dependencies import ERRORS, Dependency, needs_of, trees
from .driver import Call
from .models import bodies, models
from .multipart import form_bodies
from .profiles import fuzz
from .program import Function, Param, Program, Route
from .signatures import params
from .test_bodies import payloads

CUSTOM = """class Custom(Exception):
    pass"""

HANDLED = """@app.exception_handler(Custom)
def _handled(request, error):
    TRACE.append("handler of Custom")
    return JSONResponse({"custom": str(error)}, 499, {"x-handled": "1"})"""

STREAM = """async def stream(lines):
    for line in lines:
        TRACE.append("streams " + line)
        yield line
    TRACE.append("streamed")"""


@st.composite
def tree_cases(draw: st.DrawFn, *, failing: bool = False, overriding: bool = False) -> Case:
    """A handler that needs some of a tree of dependencies, and calls to it."""
    tree = draw(trees(failing=failing))
    needs = draw(needs_of(tree, 3))
    above = draw(needs_of(tree, 1))
    beside = draw(needs_of(tree, 1))
    shown = ", ".join(need.name for need in needs)
    lines = ["TRACE.append('handler')"]
    end = draw(st.sampled_from(["plain", "plain", "plain", "stream", "response"]))
    if failing and draw(st.booleans()):
        lines.append(f"raise {draw(st.sampled_from(ERRORS))}")
    extra = tuple(need.source for need in needs)
    asks = draw(st.sampled_from([(), (), ("response: Response",), ("tasks: BackgroundTasks",)]))
    if "response: Response" in asks:
        lines.append("response.headers['x-handler'] = 'h'; response.set_cookie('h', '1')")
    if "tasks: BackgroundTasks" in asks:
        lines.append("tasks.add_task(TRACE.append, 'task of the handler')")
    value = f"[show(x) for x in [{shown}]]"
    if end == "stream":
        lines.append("return StreamingResponse(stream(['a', 'b']), 203)")
    elif end == "response":
        lines.append(f"return JSONResponse({value}, 203, {{'x-own': '1'}})")
    else:
        lines.append(f"return {value}")
    function = Function("handler", (), extra + asks, tuple(lines), draw(st.booleans()))
    options: tuple[str, ...] = ()
    if beside:
        options += (f"dependencies=[{beside[0].call}]",)
    if draw(st.integers(0, 3)) == 3:
        options += ("status_code=201",)
    app = f"FastAPI(dependencies=[{above[0].call}])" if above else "FastAPI()"
    after: tuple[str, ...] = ()
    if failing and draw(st.booleans()):
        after += (HANDLED,)
    if overriding:
        after += (draw(overrides(tree)),)
    program = Program(
        (Route(function, "/", "get", options),),
        app,
        (CUSTOM, STREAM, *(dependency.source for dependency in tree)),
        after,
    )
    declared: tuple[Param, ...] = tuple(
        {param.name: param for dependency in tree for param in dependency.params}.values()
    )
    calls = draw(st.lists(calls_for(declared), min_size=1, max_size=2))
    return Case(program, tuple(calls))


@st.composite
def overrides(draw: st.DrawFn, tree: tuple[Dependency, ...]) -> str:
    """Lines that replace a dependency, perhaps by one that needs others or reads a parameter."""
    replaced = draw(st.sampled_from(tree)).name
    shape = draw(
        st.sampled_from(["function", "coroutine", "generator", "async generator", "class"])
    )
    needs = () if draw(st.booleans()) else draw(needs_of(tree[:1], 1))
    needs = tuple(need for need in needs if need.name != replaced)
    substitute = Dependency("instead", shape, needs)
    return f"{substitute.source}\n\napp.dependency_overrides[{replaced}] = instead"


@st.composite
def shared_body_cases(draw: st.DrawFn) -> Case:
    """A dependency and a handler that both read the body, perhaps under the same name."""
    place = draw(st.sampled_from(["body", "body", "form"]))
    kinds = models(flat=True) if place == "form" else bodies
    names = draw(st.sampled_from([("item", "user"), ("item", "item")]))
    inner, outer = (draw(params(name, place, kinds)) for name in names)
    if draw(st.booleans()):
        outer = inner
    needed = Function("needed", (inner,))
    handler = Function(
        "handler",
        (outer,),
        ("given: Annotated[Any, Depends(needed)]",),
        (f"return [show({outer.name}), given]",),
    )
    declared = (inner,) if inner == outer else (inner, outer)
    calls = []
    for _ in range(draw(st.integers(1, 3))):
        if place == "form":
            headers, body = draw(form_bodies(declared))
        else:
            headers, body = draw(json_bodies(payloads(declared)))
        calls.append(Call("POST", headers=headers, body=body))
    program = Program((Route(handler, "/", "post"),), before=(needed.source,), kinds=(inner.kind,))
    return Case(program, tuple(calls))


@fuzz(60)
@given(case=shared_body_cases())
def test_a_body_shared_with_a_dependency_is_read_alike(case: Case) -> None:
    """Body and form parameters of a dependency and of the handler make one body."""
    case.check()


@fuzz(150)
@given(case=tree_cases())
def test_trees_of_dependencies_run_in_the_same_order(case: Case) -> None:
    """Functions, classes and generators, shared, cached or not, in both scopes."""
    case.check()


@fuzz(150)
@given(case=tree_cases(failing=True))
def test_errors_in_dependencies_unwind_alike(case: Case) -> None:
    """Errors raised on entry, in the handler and on exit, caught, replaced or swallowed."""
    case.check()


@fuzz(60)
@given(case=tree_cases(overriding=True))
def test_overrides_replace_a_dependency_alike(case: Case) -> None:
    """An override stands in for a dependency, with needs and scopes of its own."""
    case.check()


SCHEMES = (
    "HTTPBasic()",
    "HTTPBasic(realm='here', auto_error=False)",
    "HTTPBearer(description='d')",
    "HTTPBearer(auto_error=False, bearerFormat='JWT')",
    "HTTPDigest()",
    "APIKeyHeader(name='X-Key')",
    "APIKeyQuery(name='key')",
    "APIKeyCookie(name='key', auto_error=False)",
    "OAuth2PasswordBearer(tokenUrl='token', scopes={'a': 'A', 'b': 'B'})",
    "OAuth2PasswordBearer(tokenUrl='token', auto_error=False, refreshUrl='r')",
    "OAuth2AuthorizationCodeBearer(authorizationUrl='a', tokenUrl='t', scheme_name='Code')",
    "OpenIdConnect(openIdConnectUrl='/.well-known')",
)

CREDENTIALS: st.SearchStrategy[Headers] = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(b"Bearer abc", b"bearer", b"Bearer", b"Basic dTpw", b"Basic dTo=", b"basic dTpw"),
                *(b"Basic dQ==", b"Basic ????", b"Basic w6k6cA==", b"Basic /zpw", b"Digest x", b""),
                *(b"  Bearer  abc", b"Bearer a b c", b"Basic", b"Basic ", b"\xff \xff", b"token"),
            ]
        ).map(lambda value: (b"authorization", value)),
        st.sampled_from([b"k", b"", b"\xe9"]).map(lambda value: (b"x-key", value)),
        st.sampled_from([b"key=k", b"key=", b"other=1"]).map(lambda value: (b"cookie", value)),
    ),
    max_size=2,
).map(tuple)


@st.composite
def security_cases(draw: st.DrawFn) -> Case:
    schemes = draw(st.lists(st.sampled_from(SCHEMES), min_size=1, max_size=3, unique=True))
    before = [f"s{index} = {scheme}" for index, scheme in enumerate(schemes)]
    before.append(
        "def user(scopes: SecurityScopes, given: Annotated[Any, Security(s0)]):\n"
        "    return [scopes.scopes, show(given)]"
    )
    extra = []
    for index in range(len(schemes)):
        function = draw(st.sampled_from(["Depends(s{})", "Security(s{}, scopes=['a'])"]))
        extra.append(f"g{index}: Annotated[Any, {function.format(index)}]")
    scopes = draw(st.sampled_from(["[]", "['a']", "['b', 'a', 'a']"]))
    extra.append(f"who: Annotated[Any, Security(user, scopes={scopes})]")
    shown = ", ".join(f"g{index}" for index in range(len(schemes)))
    function = Function("handler", (), tuple(extra), (f"return show([{shown}, who])",))
    queries = st.sampled_from([b"", b"key=k", b"key="])
    calls = st.builds(
        lambda headers, query: Call(headers=headers, query=query), CREDENTIALS, queries
    )
    return Case(
        Program((Route(function),), before=tuple(before)),
        tuple(draw(st.lists(calls, min_size=1, max_size=5))),
    )


@fuzz(90)
@given(case=security_cases())
def test_security_schemes_read_credentials_alike(case: Case) -> None:
    """Basic, Bearer, Digest, keys and OAuth2: present, absent, malformed; scopes passed down."""
    case.check()
