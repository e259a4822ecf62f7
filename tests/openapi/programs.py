"""Programs that are built twice, on FastAPI and on Trivium, to compare their documents.

Each takes a framework, a namespace with FastAPI's names, and returns what ``get_openapi`` is called
with. The models are Pydantic's and the same for both.
"""

import dataclasses
import warnings
from collections.abc import AsyncIterable, Callable, Iterable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import fastapi
import fastapi.openapi.utils
import fastapi.responses
import fastapi.routing
import fastapi.security
import fastapi.sse
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    WithJsonSchema,
    computed_field,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass

from trivium import openapi, routing, security
from trivium.binding import declare, uploads
from trivium.responding import sse

_DECLARE = ["Path", "Query", "Header", "Cookie", "Body", "Form", "File", "Depends", "Security"]
_SCHEMES = ["APIKeyHeader", "APIKeyQuery", "HTTPBearer", "HTTPBasic", "OpenIdConnect"]
_SCHEMES += ["OAuth2PasswordBearer", "OAuth2AuthorizationCodeBearer"]

TRIVIUM = SimpleNamespace(
    **{name: getattr(declare, name) for name in _DECLARE},
    **{name: getattr(security, name) for name in _SCHEMES},
    APIRouter=routing.APIRouter,
    UploadFile=uploads.UploadFile,
    EventSourceResponse=sse.EventSourceResponse,
    get_openapi=openapi.get_openapi,
)
FASTAPI = SimpleNamespace(
    **{name: getattr(fastapi, name) for name in _DECLARE},
    **{name: getattr(fastapi.security, name) for name in _SCHEMES},
    APIRouter=fastapi.APIRouter,
    UploadFile=fastapi.UploadFile,
    EventSourceResponse=fastapi.sse.EventSourceResponse,
    get_openapi=fastapi.openapi.utils.get_openapi,
)

Program = Callable[[Any], dict[str, Any]]
PROGRAMS: list[Program] = []


def program(build: Program) -> Program:
    PROGRAMS.append(build)
    return build


class Color(Enum):
    red = "red"
    green = "green"


class Node(BaseModel):
    """A node.

    \f
    For developers.
    """

    name: str
    color: Color = Color.red
    children: list["Node"] = []


class Defaults(BaseModel):
    a: int = 1
    when: datetime | None = None


class Computed(BaseModel):
    a: int = 1

    @computed_field
    @property
    def twice(self) -> int:
        return 2 * self.a


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Hidden(BaseModel):
    secret: int


class Outer(BaseModel):
    inner: Annotated[Hidden, WithJsonSchema({"type": "object"})]
    raw: bytes = b""


class Encoded(BaseModel):
    model_config = ConfigDict(val_json_bytes="base64", ser_json_bytes="base64")

    data: bytes


@pydantic_dataclass
class ComputedToo:
    a: int = 1

    @computed_field
    @property
    def twice(self) -> int:
        return 2 * self.a


@dataclasses.dataclass
class Plain:
    a: int
    b: list[str] = dataclasses.field(default_factory=list)


@pydantic_dataclass
class Rich:
    n: Decimal = Decimal(1)


class Filters(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(gt=0, le=100, description="How many")] = 10
    order_by: Literal["a", "b"] = "a"
    tags: list[str] = []


class Tracking(BaseModel):
    x_request_id: UUID
    if_match: list[str] = []
    named: str = Field("x", alias="X_Named")


class Namespace:
    class Node(BaseModel):
        other: int


@program
def parameters(fw: Any) -> dict[str, Any]:
    """Of every place, constrained, aliased, hidden, deprecated, exemplified."""
    router = fw.APIRouter()

    @router.get("/a/{item_id}/{path:path}")
    def read(
        item_id: Annotated[int, fw.Path(title="The id", ge=1, description="Of the item")],
        path: str,
        q: str | None = None,
        size: Annotated[float, fw.Query(gt=0, lt=10.5, deprecated=True)] = 1,
        listed: Annotated[list[Color], fw.Query(alias="l")] = [Color.red],  # noqa: B006  # a default
        hidden: Annotated[str, fw.Query(include_in_schema=False)] = "",
        shown: Annotated[str, fw.Query(examples=["a"], openapi_examples={"a": {"value": 1}})] = "",
        user_agent: Annotated[str | None, fw.Header()] = None,
        under_score: Annotated[str, fw.Header(convert_underscores=False)] = "",
        session: Annotated[str, fw.Cookie(min_length=3, pattern="^a")] = "abc",
        choice: Annotated[int, fw.Query(validation_alias=AliasChoices("c", "d"))] = 1,
        data: Annotated[Json[list[int]] | None, fw.Query()] = None,
        union: int | str = 0,
        extra: Annotated[str, fw.Query(json_schema_extra={"x-a": 1})] = "",
    ) -> None: ...

    return {"routes": router.routes}


@program
def parameter_models(fw: Any) -> dict[str, Any]:
    """Their fields are parameters of their own; an optional model's are optional."""
    router = fw.APIRouter()

    @router.get("/q")
    def query(filters: Annotated[Filters, fw.Query()], more: int = 0) -> None: ...
    @router.get("/o")
    def optional(filters: Annotated[Tracking | None, fw.Query()] = None) -> None: ...
    @router.get("/h")
    def header(tracking: Annotated[Tracking, fw.Header()]) -> None: ...
    @router.get("/u")
    def underscores(
        tracking: Annotated[Tracking, fw.Header(convert_underscores=False)],
    ) -> None: ...
    @router.get("/c")
    def cookie(tracking: Annotated[Tracking, fw.Cookie(include_in_schema=False)]) -> None: ...

    return {"routes": router.routes}


@program
def single_examples(fw: Any) -> dict[str, Any]:
    """OpenAPI 3.0's way, which is deprecated and works."""
    router = fw.APIRouter()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        @router.post("/")
        def read(
            q: Annotated[str, fw.Query(example="a")],
            n: Annotated[int, fw.Body(example={"a": Color.red})],
            none: Annotated[str, fw.Header(example=None)] = "",
        ) -> None: ...

    return {"routes": router.routes}


@program
def shared_dependencies(fw: Any) -> dict[str, Any]:
    """A parameter that several ask for is listed once, as required if anyone requires it."""
    router = fw.APIRouter(dependencies=[fw.Depends(lambda a=fw.Query(): a)])

    def common(a: int | None = None, b: int = 0) -> None: ...
    def other(b: int, c: Annotated[int, fw.Depends(common)]) -> None: ...

    @router.get("/")
    def read(
        one: Annotated[None, fw.Depends(common)], two: Annotated[None, fw.Depends(other)]
    ) -> None: ...

    return {"routes": router.routes}


@program
def bodies(fw: Any) -> dict[str, Any]:
    """Single, embedded, several, optional, unions; of models, dataclasses and plain types."""
    router = fw.APIRouter()

    @router.post("/one")
    def one(node: Node) -> None: ...
    @router.post("/embedded")
    def embedded(node: Annotated[Node, fw.Body(embed=True)]) -> None: ...
    @router.put("/several")
    def several(node: Node, plain: Plain, n: Annotated[int, fw.Body()] = 1) -> None: ...
    @router.patch("/optional")
    def optional(node: Node | None = None) -> None: ...
    @router.delete("/list")
    def many(rich: list[Rich]) -> None: ...
    @router.post("/union")
    def union(pet: Annotated[Cat | Dog, fw.Body(discriminator="kind")]) -> None: ...
    @router.post("/titled")
    def titled(
        n: Annotated[int, fw.Body(title="N", media_type="text/plain", description="number")],
    ) -> None: ...
    @router.post("/examples")
    def examples(
        node: Annotated[Node, fw.Body(openapi_examples={"a": {"value": {"name": "x"}}})],
    ) -> None: ...
    @router.post("/hidden")
    def hidden(outer: Outer, encoded: Encoded) -> Outer: ...
    @router.options("/none")
    def without(node: Node) -> None: ...

    return {"routes": router.routes}


@program
def forms(fw: Any) -> dict[str, Any]:
    """Fields, models and files, and what becomes of the media type."""
    router = fw.APIRouter()

    @router.post("/fields")
    def fields(a: Annotated[str, fw.Form()], b: Annotated[int, fw.Form()] = 0) -> None: ...
    @router.post("/model")
    def model(filters: Annotated[Filters, fw.Form()]) -> None: ...
    @router.post("/files")
    def files(
        file: fw.UploadFile,
        raw: Annotated[bytes, fw.File()],
        more: list[fw.UploadFile],
        maybe: fw.UploadFile | None = None,
        note: Annotated[str, fw.Form()] = "",
    ) -> None: ...

    # The annotations name the framework, which is only known here.
    return {"routes": router.routes}


@program
def responses(fw: Any) -> dict[str, Any]:
    """Return annotations, models, status codes, classes, and the further ones."""
    router = fw.APIRouter(responses={404: {"model": Cat}, "4XX": {"description": "Any"}})
    classes = fastapi.responses

    @router.get("/annotated", responses={200: {"content": {"image/png": {}}}})
    def annotated() -> list[Node]: ...
    @router.get("/model", response_model=dict[str, Node], status_code=201)
    def model() -> Any: ...
    @router.get("/empty", status_code=204, response_description="Nothing")
    def empty() -> None: ...
    @router.get("/html", response_class=classes.HTMLResponse)
    def html() -> str: ...
    @router.get("/away", response_class=classes.RedirectResponse)
    def away() -> str: ...
    @router.get("/raw", response_class=classes.Response)
    def raw() -> Any: ...
    @router.get(
        "/more",
        responses={
            "default": {"model": Dog, "description": "Else"},
            422: {"description": "Own"},
            500: {"content": {"application/json": {"example": {"a": 1}}}, "model": Cat},
            599: {},
            "5XX": {"headers": {"X-A": {"schema": {"type": "string"}}}},
        },
    )
    def more(n: int) -> Any: ...

    return {"routes": router.routes}


@program
def streams(fw: Any) -> dict[str, Any]:
    """JSON lines, server-sent events and bytes."""
    router = fw.APIRouter()

    @router.get("/lines")
    async def lines() -> AsyncIterable[Node]:
        yield Node(name="a")

    @router.get("/anything")
    def anything() -> Iterable[Any]:
        yield 1

    @router.get("/events", response_class=fw.EventSourceResponse)
    async def events() -> AsyncIterable[Node]:
        yield Node(name="a")

    @router.get("/unknown", response_class=fw.EventSourceResponse)
    async def unknown():  # type: ignore[no-untyped-def]  # the point is that nothing is said
        yield 1

    @router.get("/bytes", response_class=fastapi.responses.StreamingResponse)
    def chunks() -> Iterable[bytes]:
        yield b"a"

    return {"routes": router.routes}


@program
def callbacks_and_webhooks(fw: Any) -> dict[str, Any]:
    """What the client serves is described like what the server serves."""
    router, calls, hooks = fw.APIRouter(), fw.APIRouter(), fw.APIRouter()

    @calls.post("{$request.body#/url}/{n}", response_model=Cat)
    def called(n: int, dog: Dog) -> Any: ...
    @hooks.post("new-node", tags=["hooks"])
    def new_node(node: Node) -> None: ...
    @router.post("/", callbacks=calls.routes)
    def make(defaults: Defaults) -> Defaults: ...

    return {"routes": router.routes, "webhooks": hooks.routes}


@program
def security_schemes(fw: Any) -> dict[str, Any]:
    """Each scheme once; the scopes of all who ask for it are joined."""
    key, bearer = fw.APIKeyHeader(name="X-Key", description="A key"), fw.HTTPBearer()
    login = fw.OAuth2PasswordBearer(tokenUrl="token", scopes={"a": "A", "b": "B"})
    code = fw.OAuth2AuthorizationCodeBearer(authorizationUrl="/x", tokenUrl="/y", scheme_name="z")
    oidc = fw.OpenIdConnect(openIdConnectUrl="/oidc", auto_error=False)

    def user(token: Annotated[str, fw.Security(login, scopes=["a"])]) -> None: ...
    def admin(user: Annotated[None, fw.Security(user, scopes=["b"])]) -> None: ...

    router = fw.APIRouter(dependencies=[fw.Security(bearer)])

    @router.get("/joined", dependencies=[fw.Security(login, scopes=["c"])])
    def joined(
        one: Annotated[None, fw.Security(admin, scopes=["d"])],
        two: Annotated[None, fw.Security(user)],
        three: Annotated[str, fw.Depends(key)],
    ) -> None: ...
    @router.get("/others")
    def others(
        one: Annotated[str, fw.Depends(code)], two: Annotated[str, fw.Depends(oidc)]
    ) -> None: ...

    return {"routes": router.routes}


def _in_and_out(fw: Any) -> Any:
    router = fw.APIRouter()

    @router.post("/defaults")
    def defaults(body: Defaults) -> Defaults: ...
    @router.post("/computed")
    def computed(body: Computed) -> list[Computed]: ...
    @router.post("/computed-too")
    def computed_too(body: ComputedToo) -> ComputedToo: ...
    @router.post("/node")
    def node(body: Node) -> Node: ...
    @router.get("/optional")
    def optional() -> Optional[Defaults]: ...  # noqa: UP045  # the older spelling

    return router


@program
def separate_input_and_output(fw: Any) -> dict[str, Any]:
    """A model that differs between request and response has two schemas."""
    return {"routes": _in_and_out(fw).routes}


@program
def one_schema_for_input_and_output(fw: Any) -> dict[str, Any]:
    """... and one if asked, computed fields excepted."""
    return {"routes": _in_and_out(fw).routes, "separate_input_output_schemas": False}


@program
def namesakes(fw: Any) -> dict[str, Any]:
    """Two models of one name are told apart."""
    router = fw.APIRouter()

    @router.post("/")
    def both(node: Node) -> Namespace.Node: ...

    return {"routes": router.routes}


@program
def operations(fw: Any) -> dict[str, Any]:
    """What an operation is called, and what else is laid over it."""
    router = fw.APIRouter(prefix="/p", tags=["outer"], deprecated=True)
    inner = fw.APIRouter(prefix="/i")

    @router.get("/a", tags=["a"], summary="Short", description="Long", operation_id="the-a")
    def a() -> None: ...
    @router.api_route("/b", methods=["GET", "HEAD", "DELETE"], operation_id="the-b")
    def b_of_c() -> None:
        """From the docstring.

        \f
        Not shown.
        """

    @router.get("/hidden", include_in_schema=False)
    def hidden() -> None: ...
    @inner.post(
        "/c/{d:int}",
        name="named so",
        openapi_extra={
            "x-a": [1],
            "tags": ["more"],
            "parameters": [{"name": "z", "in": "query"}],
            "requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}},
            "responses": {"200": {"description": "Laid over"}},
        },
    )
    def c(d: int, node: Node) -> None: ...

    router.include_router(inner, prefix="/j", tags=["included"])
    return {"routes": router.routes}


@program
def sections(fw: Any) -> dict[str, Any]:
    """Everything beside the paths."""
    return {
        "routes": [],
        "summary": "s",
        "description": "d",
        "terms_of_service": "https://a.example/t",
        "contact": {"name": "n", "url": "https://a.example", "email": "a@b.example"},
        "license_info": {"name": "MIT", "identifier": "MIT"},
        "tags": [{"name": "a", "externalDocs": {"url": "https://a.example"}, "x-b": 1}],
        "servers": [{"url": "/v{n}", "variables": {"n": {"default": "1"}}}],
        "external_docs": {"url": "https://a.example", "description": "more"},
        "openapi_version": "3.1.1",
    }


@program
def nothing(fw: Any) -> dict[str, Any]:
    """Not even a route."""
    return {"routes": []}
