"""A path and a method find the same route, or the same refusal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from .compare import assert_same
from .driver import Call
from .profiles import fuzz

PATHS = (
    *("/", "/a", "/a/", "/a/b", "/{x}", "/{x}/", "/a/{x}", "/{x}/b", "/{x}/{y}", "/{x:int}"),
    *("/{x:path}", "/a/{x:path}", "/{x}.json", "/a-{x}", "/{x:uuid}", "/{x:float}", "/é", "/a b"),
)
PREFIXES = ("", "/a", "/p", "/p/q", "/{k}", "/a/{k}", "/p.x")
ASKED = (
    *(b"/", b"", b"/a", b"/a/", b"/a/b", b"/a/b/", b"/a/b/c", b"/p", b"/p/", b"/p/a", b"/p/q/a"),
    *(b"/1", b"/1.5", b"/x/b", b"/x.json", b"/a-1", b"//", b"//a", b"/a//b", b"/a%2Fb", b"/%C3%A9"),
    *(b"/a%20b", b"/A", b"/p/1/2/3", b"/m", b"/m/", b"/m/a", b"/m/m/a", b"/p/m/a", b"/docs"),
    *(b"/redoc", b"/docs/oauth2-redirect", b"/a%00b", b"/%ff", b"/a;b", b"/.", b"/a/../b", b"*"),
    *(b"/p.x/a", b"/pzx/a", b"/6f0c7b1e-0d2a-4d5e-9f61-2f3f0b8c7a11", b"/files/f.txt", b"/files/"),
)
VERBS = ("get", "get", "get", "post", "put", "delete", "head", "options", "patch", "trace")
ASKED_VERBS = (
    "GET",
    "GET",
    "GET",
    "POST",
    "PUT",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "FOO",
    "get",
)

# Not the path of the route in the scope: FastAPI has the path that the route was declared with,
# Trivium the full one (docs/compatibility.md).
HANDLER = """{decorator}
{word} {name}(request: Request{extra}):
    route = request.scope.get("route")
    return [{name!r}, request.path_params, request.scope["root_path"], request.url.path,
            str(request.base_url), getattr(route, "name", None)]"""


@st.composite
def handlers(draw: st.DrawFn, owner: str, count: int) -> list[tuple[str, str]]:
    """Some routes on a router or an app: the path of each, and its source."""
    made = []
    for index in range(count):
        path = draw(st.sampled_from(PATHS))
        name = f"{owner}_{index}"
        match draw(st.integers(0, 9)):
            case 8:
                verb = draw(st.sampled_from(VERBS)).upper()
                decorator = f"@{owner}.api_route({path!r}, methods=[{verb!r}])"
            case 9:
                decorator = f"@{owner}.get({path!r}, name='named', include_in_schema=False)"
            case _:
                decorator = f"@{owner}.{draw(st.sampled_from(VERBS))}({path!r})"
        extra = draw(st.sampled_from(["", "", ", x: int = 5", ", k0: str = 'none'"]))
        word = draw(st.sampled_from(["def", "async def"]))
        source = HANDLER.format(decorator=decorator, word=word, name=name, extra=extra)
        made.append((path, source))
    return made


@dataclass(frozen=True)
class Table:
    """A program made of routes, and the full paths that its routes should have."""

    source: str
    paths: tuple[str, ...]

    def __repr__(self) -> str:
        return self.source


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """An app with routes of its own, routers in routers, mounts and plain Starlette routes."""
    options = draw(
        st.sampled_from(["", "", "redirect_slashes=False", "root_path='/root'", "docs_url=None"])
    )
    parts = [f"app = FastAPI({options})"]
    prefixes = {"app": ""}
    pending: list[str] = []
    paths: list[str] = []
    for index in range(draw(st.integers(0, 3))):
        # A parameter appears once in a path, so each prefix has a name of its own for it.
        prefix = draw(st.sampled_from(PREFIXES)).replace("{k}", f"{{k{index}}}")
        slashes = draw(st.sampled_from(["", "", ", redirect_slashes=False"]))
        name = f"r{index}"
        parts.append(f"{name} = APIRouter(prefix={prefix!r}{slashes})")
        parent = draw(st.sampled_from(sorted(prefixes)))
        within = draw(st.sampled_from(["", "", "/w", f"/{{w{index}}}"]))
        include = f"{parent}.include_router({name}, prefix={within!r})"
        # Included before or after its routes are declared: a router stays live.
        (parts if draw(st.booleans()) else pending).append(include)
        prefixes[name] = prefixes[parent] + within + prefix
    for owner, prefix in prefixes.items():
        for path, source in draw(handlers(owner, draw(st.integers(0, 3)))):
            parts.append(source)
            paths.append(prefix + path)
    match draw(st.integers(0, 5)):
        case 3:
            parts.append("sub = FastAPI()")
            for path, source in draw(handlers("sub", 2)):
                parts.append(source)
                paths.append("/m" + path)
            parts.append("app.mount('/m', sub)")
        case 4:
            parts.append(
                "app.add_route('/a/b', lambda request: PlainTextResponse('plain'), ['GET', 'POST'])"
            )
        case 5:
            parts.append("app.mount('/m', PlainTextResponse('mounted'), name='m')")
    parts += reversed(pending)
    return Table("\n\n".join(parts) + "\n", tuple(paths))


VALUES = {
    "int": ("1", "-1", "x"),
    "float": ("1.5", "2", "x"),
    "path": ("", "a", "a/b/"),
    "uuid": ("6f0c7b1e-0d2a-4d5e-9f61-2f3f0b8c7a11", "6F0C7B1E0D2A4D5E9F612F3F0B8C7A11"),
    "": ("a", "1", "b.json", "%C3%A9", "a%2Fb"),
}


@st.composite
def asked(draw: st.DrawFn, table: Table) -> Call:
    """A request for one of the paths of a table, or for one nearby."""
    path = draw(st.sampled_from(ASKED))
    if table.paths and draw(st.integers(0, 3)):
        template = draw(st.sampled_from(table.paths))
        found = re.split(r"{\w+:?(\w*)}", template)
        for index in range(1, len(found), 2):
            found[index] = draw(st.sampled_from(VALUES[found[index]]))
        filled = "".join(found)
        if draw(st.integers(0, 3)) == 3:
            filled = filled[:-1] if filled.endswith("/") else filled + "/"
        path = quote(filled, safe="/%{}").encode()
    method = draw(st.sampled_from(ASKED_VERBS))
    root = draw(st.sampled_from(["", "", "", "", "/root", "/m"]))
    query = draw(st.sampled_from([b"", b"", b"x=1&k0=%C3%A9", b"?", b"x=y"]))
    host = draw(st.sampled_from([b"", b"", b"example.org", b"[::1]:8000", b"a b", b"\xff"]))
    return Call(method, path, query, ((b"host", host),) if host else (), root_path=root)


@fuzz(250)
@given(data=st.data(), table=tables())
def test_a_table_of_routes_answers_alike(data: st.DataObject, table: Table) -> None:
    """First declared wins, slashes redirect, methods refuse: flat, nested or mounted."""
    assert_same(table.source, data.draw(st.lists(asked(table), min_size=1, max_size=10)))


@fuzz(40)
@given(
    table=tables(),
    segments=st.lists(
        st.sampled_from(["a", "b", "p", "q", "1", "-1", "x.json", "", "..", "%2F", "%", "m"]),
        max_size=5,
    ),
    ended=st.booleans(),
)
def test_any_path_is_found_or_refused_alike(table: Table, segments: list[str], ended: bool) -> None:
    """Paths made of the segments that the routes know."""
    path = "/" + "/".join(segments) + "/" * ended
    assert_same(table.source, [Call(path=path.encode()), Call("POST", path.encode())])


INCLUDE_OPTIONS = (
    "tags=['included']",
    "dependencies=[Depends(note)]",
    "responses={418: {'description': 'teapot'}}",
    "deprecated=True",
    "include_in_schema=False",
    "default_response_class=PlainTextResponse",
    "max_body_size=3",
    "generate_unique_id_function=lambda route: 'id_' + route.name + '_' + route.path_format",
)


@st.composite
def inherited(draw: st.DrawFn) -> str:
    """Options given to an app, to routers, to their inclusion and to routes, which add up."""

    def some(at: str) -> str:
        unknown = {"app": "tags", "route": "default_response_class"}.get(at, "nothing")
        known = [option for option in INCLUDE_OPTIONS if not option.startswith(unknown)]
        chosen = draw(
            st.lists(
                st.sampled_from(known),
                max_size=3,
                unique_by=lambda option: option.partition("=")[0],
            )
        )
        return "".join(f", {option}" for option in chosen)

    depth = draw(st.integers(1, 3))
    parts = [
        "def note(request: Request, n: int = 0):\n    TRACE.append('note ' + request.url.path)",
        f"app = FastAPI(title='T'{some('app')})",
    ]
    for index in range(depth):
        parts.append(f"r{index} = APIRouter(prefix='/r{index}'{some('router')})")
        parts.append(
            f"@r{index}.post('/h'{some('route')})\nasync def handler{index}(request: Request):\n"
            "    return (await request.body()).decode()"
        )
    order = draw(st.permutations(range(depth)))
    for index in order:
        parent = "app" if index == 0 else f"r{index - 1}"
        parts.append(f"{parent}.include_router(r{index}, prefix='/i{index}'{some('include')})")
    if draw(st.booleans()):
        parts.append(f"app.include_router(r{depth - 1}, prefix='/again'{some('include')})")
    return "\n\n".join(parts) + "\n"


@fuzz(90)
@given(source=inherited(), query=st.sampled_from([b"", b"n=x"]))
def test_options_of_nested_routers_add_up_alike(source: str, query: bytes) -> None:
    """Tags, dependencies, responses, limits and response classes pass down to the routes."""
    paths = ["/i0/r0/h", "/i0/r0/i1/r1/h", "/i0/r0/i1/r1/i2/r2/h", "/again/r0/h", "/again/r1/h"]
    bodies = [(b"ok",), (b"longer",)]
    assert_same(
        source, [Call("POST", path.encode(), query, body=body) for path in paths for body in bodies]
    )
