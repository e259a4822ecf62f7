"""From a request to the arguments of a handler: validation, dependencies, threads."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, Field

from bench.harness.asgi import ASGIApp, Call
from bench.harness.case import Case, Goal, RequestCase
from bench.harness.framework import Framework

_THIRD = (Goal(1 / 3),)
_JSON = (("content-type", "application/json"),)
_FORM = (("content-type", "application/x-www-form-urlencoded"),)


class Line(BaseModel):
    sku: str = Field(min_length=3, max_length=20)
    count: int = Field(gt=0)
    price: float


class Order(BaseModel):
    customer: str
    email: str = Field(pattern=r"^[^@]+@[^@]+$")
    express: bool = False
    lines: list[Line]


class Receipt(BaseModel):
    customer: str
    total: float
    lines: list[Line]


class Page(BaseModel):
    limit: int = Field(10, ge=1, le=100)
    offset: int = Field(0, ge=0)
    order: str = "name"
    tags: list[str] = []


def _path_only(framework: Framework) -> ASGIApp:
    app = framework.application()

    @app.get("/items/{item_id}")
    async def read(item_id: int):
        return {"id": item_id}

    return app


def _path_and_query(framework: Framework) -> ASGIApp:
    app, query = framework.application(), framework.Query

    @app.get("/items/{item_id}")
    async def read(
        item_id: int,
        q: str,
        limit: Annotated[int, query(ge=1, le=100)] = 10,
        exact: bool = False,
        tag: Annotated[list[str] | None, query()] = None,
    ):
        return {"id": item_id, "q": q, "limit": limit, "exact": exact, "tag": tag}

    return app


def _query_model(framework: Framework) -> ASGIApp:
    app = framework.application()

    @app.get("/items")
    async def read(page: Annotated[Page, framework.Query()]):
        return {"limit": page.limit, "offset": page.offset, "tags": page.tags}

    return app


def _headers_and_cookies(framework: Framework) -> ASGIApp:
    app, header, cookie = framework.application(), framework.Header, framework.Cookie

    @app.get("/items")
    async def read(
        x_token: Annotated[str, header()],
        x_request_id: Annotated[str | None, header()] = None,
        x_retry: Annotated[int, header()] = 0,
        session: Annotated[str | None, cookie()] = None,
        theme: Annotated[str, cookie()] = "light",
    ):
        return [x_token, x_request_id, x_retry, session, theme]

    return app


def _body_and_response_model(framework: Framework) -> ASGIApp:
    app = framework.application()

    @app.post("/orders", response_model=Receipt)
    async def create(order: Order):
        total = sum(line.price * line.count for line in order.lines)
        return Receipt(customer=order.customer, total=total, lines=order.lines)

    return app


def _body_from_dict(framework: Framework) -> ASGIApp:
    app = framework.application()

    @app.post("/orders", response_model=Receipt)
    async def create(order: Order) -> Any:
        return {"customer": order.customer, "total": 1.5, "lines": order.lines, "secret": "x"}

    return app


def _form(framework: Framework) -> ASGIApp:
    app, form = framework.application(), framework.Form

    @app.post("/login")
    async def login(
        username: Annotated[str, form()],
        password: Annotated[str, form()],
        remember: Annotated[bool, form()] = False,
    ):
        return {"username": username, "length": len(password), "remember": remember}

    return app


def _dependencies(framework: Framework) -> ASGIApp:
    app, depends = framework.application(), framework.Depends

    async def settings():
        return {"page": 20}

    async def database(config: Annotated[dict[str, int], depends(settings)]):
        yield config["page"]

    async def token(authorization: Annotated[str, framework.Header()]):
        return authorization.removeprefix("Bearer ")

    async def user(name: Annotated[str, depends(token)], db: Annotated[int, depends(database)]):
        return {"name": name, "db": db}

    async def page(
        config: Annotated[dict[str, int], depends(settings)], limit: int = 0, offset: int = 0
    ):
        return limit or config["page"], offset

    @app.get("/items/{item_id}")
    async def read(
        item_id: int,
        who: Annotated[dict[str, Any], depends(user)],
        where: Annotated[tuple[int, int], depends(page)],
        db: Annotated[int, depends(database)],
    ):
        return {"id": item_id, "who": who, "where": where, "db": db}

    return app


def _threaded(framework: Framework) -> ASGIApp:
    app = framework.application()

    @app.get("/items/{item_id}")
    def read(item_id: int, q: str = ""):
        return {"id": item_id, "q": q}

    return app


def _threaded_dependencies(framework: Framework) -> ASGIApp:
    app, depends = framework.application(), framework.Depends

    def settings():
        return 20

    def database(page: Annotated[int, depends(settings)]):
        yield page

    def user(db: Annotated[int, depends(database)], name: str = "ada"):
        return name, db

    @app.get("/items/{item_id}")
    def read(
        item_id: int,
        who: Annotated[tuple[str, int], depends(user)],
        db: Annotated[int, depends(database)],
    ):
        return {"id": item_id, "who": who, "db": db}

    return app


def _bearer(framework: Framework) -> ASGIApp:
    app = framework.application()
    scheme = framework.submodule("security").OAuth2PasswordBearer(tokenUrl="token")

    @app.get("/me")
    async def read(token: Annotated[str, framework.Depends(scheme)]):
        return {"token": token}

    return app


_ORDER = json.dumps(
    {
        "customer": "Ada",
        "email": "ada@example.org",
        "lines": [{"sku": f"sku-{n}", "count": n + 1, "price": 9.5} for n in range(5)],
    }
).encode()
_WRONG_ORDER = json.dumps({"customer": 1, "lines": [{"sku": "x", "count": 0}]}).encode()


def _post(path: str, body: bytes, status: int = 200) -> Call:
    return Call(path, method="POST", headers=_JSON, body=body, status=status)


CASES: list[Case] = [
    RequestCase(
        name="path",
        title="path: int",
        build=_path_only,
        call=Call("/items/7"),
        also=(Call("/items/seven", status=422),),
        goals=_THIRD,
    ),
    RequestCase(
        name="path_query",
        title="path int, query str, int with bounds, bool, list",
        build=_path_and_query,
        call=Call("/items/7?q=word&limit=20&exact=yes&tag=a&tag=b"),
        also=(Call("/items/x?limit=1000&exact=perhaps", status=422),),
        goals=_THIRD,
    ),
    RequestCase(
        name="query_model",
        title="query as a model of four fields",
        build=_query_model,
        call=Call("/items?limit=20&offset=40&tags=a&tags=b"),
        also=(Call("/items?limit=0&offset=-1", status=422),),
        goals=_THIRD,
    ),
    RequestCase(
        name="header_cookie",
        title="three headers and two cookies",
        build=_headers_and_cookies,
        call=Call(
            "/items",
            headers=(
                ("x-token", "secret"),
                ("x-request-id", "a1b2"),
                ("x-retry", "3"),
                ("cookie", "session=s3ss10n; theme=dark; other=1"),
            ),
        ),
        also=(Call("/items", headers=(("x-retry", "never"),), status=422),),
        goals=_THIRD,
    ),
    RequestCase(
        name="body_model",
        title="body model of five lines, response model (instance)",
        build=_body_and_response_model,
        call=_post("/orders", _ORDER),
        also=(_post("/orders", _WRONG_ORDER), _post("/orders", b'{"customer": ')),
        goals=_THIRD,
    ),
    RequestCase(
        name="body_dict",
        title="body model of five lines, response model (from a dict)",
        build=_body_from_dict,
        call=_post("/orders", _ORDER),
        goals=_THIRD,
    ),
    RequestCase(
        name="form",
        title="form of three fields",
        build=_form,
        call=Call(
            "/login",
            method="POST",
            headers=_FORM,
            body=b"username=ada&password=s3cret+words&remember=true",
        ),
        also=(Call("/login", method="POST", headers=_FORM, body=b"username=&remember=maybe"),),
        goals=_THIRD,
    ),
    RequestCase(
        name="dependencies",
        title="tree of five async dependencies, one with yield",
        build=_dependencies,
        call=Call("/items/7?limit=5", headers=(("authorization", "Bearer abc"),)),
        also=(Call("/items/7?limit=x"),),
        goals=_THIRD,
    ),
    RequestCase(
        name="bearer",
        title="OAuth2 bearer token",
        build=_bearer,
        call=Call("/me", headers=(("authorization", "Bearer abc"),)),
        also=(Call("/me", status=401),),
        goals=_THIRD,
    ),
    RequestCase(
        name="thread",
        title="def handler",
        build=_threaded,
        call=Call("/items/7?q=word"),
        countable=False,
        goals=_THIRD,
    ),
    RequestCase(
        name="thread_dependencies",
        title="def handler, three def dependencies, one with yield",
        build=_threaded_dependencies,
        call=Call("/items/7?name=bob"),
        countable=False,
        goals=_THIRD,
    ),
    RequestCase(
        name="invalid",
        title="422: three wrong parameters",
        build=_path_and_query,
        call=Call("/items/x?limit=1000&exact=perhaps", status=422),
    ),
]
