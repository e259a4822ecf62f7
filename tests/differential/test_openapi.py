"""The OpenAPI document of a program is FastAPI's, to the byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from .compare import assert_same
from .kinds import Kind
from .models import bodies, body_models, models
from .profiles import fuzz
from .program import Function, Program, Route
from .signatures import signatures
from .test_bodies import body_params

APP_OPTIONS = (
    "title='A title'",
    "summary='In short'",
    "description='# At length'",
    "version='2.0'",
    "openapi_tags=[{'name': 'a', 'description': 'd', 'externalDocs': {'url': 'https://a.b/'}}]",
    "servers=[{'url': '/v1', 'description': 's', 'variables': {'p': {'default': '1'}}}]",
    "terms_of_service='https://a.b/terms'",
    "contact={'name': 'n', 'email': 'a@b.example'}",
    "license_info={'name': 'MIT', 'identifier': 'MIT'}",
    "openapi_external_docs={'url': 'https://a.b/docs'}",
    "responses={404: {'model': Problem}, '4XX': {'description': 'any'}}",
    "root_path='/root'",
    "root_path_in_servers=False",
    "separate_input_output_schemas=False",
    "deprecated=True",
    "generate_unique_id_function=lambda route: route.name",
    "openapi_url='/other.json'",
    "openapi_url=None",
)
ROUTE_OPTIONS = (
    "tags=['a', 'b']",
    "summary='S'",
    "description='D'",
    "response_description='R'",
    "deprecated=True",
    "operation_id='the_operation'",
    "include_in_schema=False",
    "name='other name'",
    "status_code=201",
    "responses={200: {'description': 'ok', 'headers': {'X': {'schema': {'type': 'string'}}}}}",
    "responses={'default': {'model': Problem, 'description': 'p'}, 422: {'description': 'own'}}",
    "responses={404: {'content': {'text/plain': {'example': 'e'}}}, 5: {'links': {}}}",
    "responses={200: {'content': {'image/png': {}}, 'model': Problem}}",
    "openapi_extra={'x-a': 1, 'parameters': [{'name': 'z', 'in': 'query'}]}",
    "openapi_extra={'requestBody': {'content': {'text/plain': {'schema': {'type': 'string'}}}}}",
    "response_class=HTMLResponse",
    "response_class=Response",
    "response_class=RedirectResponse",
    "response_class=StreamingResponse",
    "response_class=FileResponse",
    "callbacks=calls.routes",
    "dependencies=[Depends(note), Security(key, scopes=['s'])]",
)
PRELUDE = (
    "class Problem(BaseModel):\n    detail: str\n    cause: Optional['Problem'] = None",
    "key = APIKeyHeader(name='X-Key')",
    "def note(n: Annotated[int, Query(ge=0)] = 0, token: Annotated[str, Header()] = ''):\n"
    "    return n",
    "calls = APIRouter()\n\n@calls.post('{$request.body#/url}', response_model=Problem)\n"
    "def called(body: Problem, n: int = 0):\n    pass",
)
DOCSTRINGS = ("", "'''One line.'''", "'''Title.\n\n        More.\n    \\f\n    hidden\n    '''")


def _key(option: str) -> str:
    return option.partition("=")[0]


response_kinds = st.one_of(
    body_models(2), bodies, st.just(Kind("Problem", st.just(("x",)), st.just({})))
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A program whose document has much to say."""
    routes = []
    kinds = []
    for index in range(draw(st.integers(1, 3))):
        places = ("query", "header", "cookie", "plain", "form")
        if draw(st.booleans()):
            declared = draw(signatures(places[:4], max_size=2))
            if draw(st.booleans()):
                declared += (draw(body_params("body")),)
        else:
            declared = draw(signatures(places, st.one_of(models(flat=True)), max_size=2))
        returns = ""
        if draw(st.booleans()):
            kind = draw(response_kinds)
            kinds.append(kind)
            returns = kind.annotation
        lines = [line for line in (draw(st.sampled_from(DOCSTRINGS)),) if line] + ["pass"]
        options = draw(st.lists(st.sampled_from(ROUTE_OPTIONS), max_size=3, unique_by=_key))
        function = Function(f"handler_{index}", declared, lines=tuple(lines), returns=returns)
        path = draw(st.sampled_from(["/", "/a", "/a/{x}", "/{x:path}", "/b_c/{x:int}"]))
        method = draw(st.sampled_from(["get", "post", "put", "patch", "delete", "head", "options"]))
        owner = draw(st.sampled_from(["app", "app", "app", "app.webhooks"]))
        routes.append(Route(function, path, method, tuple(options), owner))
    options = draw(st.lists(st.sampled_from(APP_OPTIONS), max_size=3, unique_by=_key))
    return Program(
        tuple(routes), f"FastAPI({', '.join(options)})", PRELUDE, kinds=tuple(kinds)
    ).source


@fuzz(200)
@given(source=documents())
def test_documents_of_many_routes_and_options_are_equal(source: str) -> None:
    """Parameters, bodies, responses, callbacks, webhooks, security, tags and extensions."""
    assert_same(source)


@st.composite
def namesakes(draw: st.DrawFn) -> str:
    """Models that share a name, are used on both sides, or refer to themselves."""
    fields = st.lists(
        st.sampled_from(
            [
                "n: int = 0",
                "d: date | None = None",
                "items: list['Node'] = []",
                "up: Optional['Node'] = None",
                "s: str = Field('x', alias='S')",
                "o: str = Field(serialization_alias='out', default='')",
                "color: Color = Color.red",
                "j: Json = '1'",
            ]
        ),
        max_size=3,
        unique=True,
    )

    def model(name: str, base: str = "BaseModel") -> str:
        return "\n    ".join([f"class {name}({base}):", *(draw(fields) or ["pass"])])

    inner = model("Node").replace("\n", "\n    ")
    parts = [
        model("Node"),
        f"class Space:\n    {inner}",
        model("Leaf", draw(st.sampled_from(["Node", "BaseModel", "Space.Node"]))),
        f"app = FastAPI(separate_input_output_schemas={draw(st.booleans())})",
    ]
    used = st.sampled_from(
        [
            "Node",
            "Space.Node",
            "Leaf",
            "list[Node]",
            "dict[str, Leaf]",
            "Node | Leaf",
            "Node | None",
        ]
    )
    for index in range(draw(st.integers(1, 3))):
        parts.append(
            f"@app.post('/{index}')\n"
            f"def handler_{index}(body: {draw(used)}) -> {draw(used)}:\n    pass"
        )
    return "\n\n".join(parts) + "\n"


@fuzz(90)
@given(source=namesakes())
def test_models_are_named_and_shared_alike(source: str) -> None:
    """Namesakes, recursion, inheritance, and schemas that differ between input and output."""
    assert_same(source)
