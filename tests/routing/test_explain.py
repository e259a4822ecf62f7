"""An explanation says what a request does, and the request does it."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request

import trivium.binding.plan
import trivium.binding.steps
from trivium import (
    APIRouter,
    App,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    Form,
    Header,
    HTTPException,
    Path,
    Query,
    Response,
    Security,
    WebSocket,
)
from trivium.routing.answering import NoRoute
from trivium.routing.explain import explain, layers
from trivium.routing.explanation import Explanation
from trivium.security import HTTPBearer
from trivium.testing import TestClient
from trivium.threads import in_thread


class Flight(BaseModel):
    number: int


class Page(BaseModel):
    limit: int = 10
    next_page: str = ""


def plan_of(app: App, method: str, path: str) -> Explanation:
    plan = explain(app.router, method, path, around=layers(app.user_middleware, app.max_body_size))
    assert json.loads(json.dumps(plan)) == plan  # plain data, whatever it explains
    return plan


def functions(plan: Explanation) -> list[str]:
    return [call["function"]["name"] for call in plan["steps"]]


def test_steps_stand_in_the_order_in_which_a_request_runs_them() -> None:
    ran: list[str] = []

    def settings() -> None:
        ran.append("settings")

    async def session(settings: Annotated[None, Depends(settings)]) -> AsyncIterator[None]:
        ran.append("session")
        yield

    def user(
        session: Annotated[None, Depends(session)], settings: Annotated[None, Depends(settings)]
    ) -> None:
        ran.append("user")

    app = App(dependencies=[Depends(settings)])

    @app.get("/")
    async def read(user: Annotated[None, Depends(user)]) -> None:
        ran.append("read")

    plan = plan_of(app, "GET", "/")
    TestClient(app).get("/")

    called = [call for call in plan["steps"] if call["reuses"] is None]
    assert [call["function"]["name"] for call in called] == ran
    assert [call["step"] for call in plan["steps"]] == list(range(1, len(plan["steps"]) + 1))
    for call in plan["steps"]:
        if call["reuses"] is not None:
            assert plan["steps"][call["reuses"] - 1]["function"] == call["function"]
            assert call["runs_in"] == "not called"


def test_steps_say_which_parameters_earlier_steps_fill() -> None:
    def settings() -> None: ...

    def session(config: Annotated[None, Depends(settings)]) -> None: ...

    app = App()

    @app.get("/")
    def read(db: Annotated[None, Depends(session)]) -> None: ...

    first, second, handler = plan_of(app, "GET", "/")["steps"]

    assert (first["parameter"], first["uses"]) == ("config", {})
    assert (second["parameter"], second["uses"]) == ("db", {"config": 1})
    assert (handler["parameter"], handler["uses"]) == (None, {"db": 2})


def test_as_many_worker_threads_are_visited_as_the_plan_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def plain() -> None: ...
    def other() -> Iterator[None]:
        yield

    async def between() -> None: ...
    def last() -> None: ...
    def limited() -> None: ...

    app = App()

    @app.get("/sync", dependencies=[Depends(d) for d in (plain, other, between, last)])
    def read_sync() -> None: ...

    @app.get("/async", dependencies=[Depends(d) for d in (plain, between, last)])
    async def read_async() -> None: ...

    @app.get("/limited", dependencies=[Depends(plain), Depends(limited, max_concurrency=3)])
    def read_limited() -> None: ...

    def named(name: Annotated[str, Form()]) -> None: ...

    @app.post("/form", dependencies=[Depends(d) for d in (plain, named, last)])
    def read_form(name: Annotated[str, Form()]) -> None: ...

    @app.get("/none")
    async def read_none() -> None: ...

    visits: list[Any] = []

    async def counted(function: Any, *args: Any, **options: Any) -> Any:
        visits.append(function)
        return await in_thread(function, *args, **options)

    client = TestClient(app)
    for path in ("/sync", "/async", "/limited", "/form", "/none"):
        method = "POST" if path == "/form" else "GET"
        form = {"name": "x"} if path == "/form" else None
        plan = plan_of(app, method, path)
        told = {call["runs_in"] for call in plan["steps"]} - {"event loop"}
        visits.clear()
        with monkeypatch.context() as patch:
            # Not in `lifetimes`: leaving a `def` generator is a visit after the plan has run.
            for module in (trivium.binding.plan, trivium.binding.steps):
                patch.setattr(module, "in_thread", counted)
            assert client.request(method, path, data=form).status_code == 200
        assert len(told) == len(visits), path


def test_values_say_where_they_are_read_and_what_they_have_to_be() -> None:
    app = App()

    @app.post("/{number}")
    async def create(
        number: Annotated[int, Path(ge=1)],
        flight: Flight,
        page: Annotated[Page, Query()],
        names: Annotated[Page, Header()],
        x_trace: Annotated[str | None, Header()] = None,
        visit: Annotated[str, Cookie(alias="v")] = "first",
    ) -> None: ...

    handler = plan_of(app, "POST", "/3")["steps"][-1]
    values = {value["name"]: value for value in handler["values"]}

    assert {name: value["place"] for name, value in values.items()} == {
        "number": "path",
        "page": "query",
        "names": "header",
        "x_trace": "header",
        "visit": "cookie",
        "flight": "body",
    }
    assert values["number"]["constraints"] == ["Ge(ge=1)"]
    assert values["number"]["required"]
    assert values["number"]["type"] == "int"
    assert values["page"]["fields"] == ["limit", "next_page"]
    assert values["names"]["fields"] == ["limit", "next-page"]
    assert (values["x_trace"]["keys"], values["x_trace"]["default"]) == (["x-trace"], "None")
    assert values["x_trace"]["type"] == "str | None"
    assert (values["visit"]["keys"], values["visit"]["default"]) == (["v"], "'first'")


def test_what_trivium_gives_is_named() -> None:
    app = App()

    @app.get("/")
    async def read(request: Request, response: Response, tasks: BackgroundTasks) -> None: ...

    assert plan_of(app, "GET", "/")["steps"][-1]["given"] == {
        "request": "Request",
        "response": "Response",
        "tasks": "BackgroundTasks",
    }


@pytest.mark.parametrize(
    ("scope", "closed"),
    [
        ("function", "before the reply is sent"),
        ("request", "after the reply was sent and background tasks have run"),
        (None, "after the reply was sent and background tasks have run"),
    ],
)
def test_a_generator_says_when_it_is_closed(scope: Any, closed: str) -> None:
    async def session() -> AsyncIterator[None]:
        yield

    app = App()

    @app.get("/", dependencies=[Depends(session, scope=scope)])
    async def read() -> None: ...

    step, handler = plan_of(app, "GET", "/")["steps"]

    assert (step["call"], step["closed"]) == ("async generator", closed)
    assert handler["closed"] is None


def test_a_dependency_says_whether_it_is_shared_and_how_many_may_run() -> None:
    def once() -> None: ...
    def pool() -> None: ...
    def clock() -> None: ...
    def narrow() -> None: ...

    app = App()

    @app.get(
        "/",
        dependencies=[
            Depends(once),
            Depends(pool, scope="app"),
            Depends(narrow, max_concurrency=4),
        ],
    )
    async def read(now: Annotated[None, Depends(clock, use_cache=False)]) -> None: ...

    first, app_scoped, limited, uncached, _ = plan_of(app, "GET", "/")["steps"]

    assert first["caches"]
    assert not uncached["caches"]
    assert (app_scoped["scope"], app_scoped["runs_in"]) == ("app", "event loop")
    assert limited["max_concurrency"] == 4


def test_security_says_its_scheme_its_scopes_and_its_401() -> None:
    bearer = HTTPBearer()

    def user(token: Annotated[Any, Security(bearer, scopes=["read"])]) -> None: ...

    app = App()

    @app.get("/", dependencies=[Security(user, scopes=["fly"])])
    async def read() -> None: ...

    plan = plan_of(app, "GET", "/")

    scheme = plan["steps"][0]
    assert (scheme["security"], set(scheme["oauth_scopes"])) == ("HTTPBearer", {"fly", "read"})
    assert TestClient(app).get("/").status_code == 401
    assert 401 in [status["status_code"] for status in plan["status_codes"]]


def test_the_body_says_how_it_is_read() -> None:
    app = App(strict_content_type=False)

    @app.post("/one", max_body_size=100)
    async def one(flight: Flight) -> None: ...

    @app.post("/two")
    async def two(flight: Flight, urgent: Annotated[bool, Body()]) -> None: ...

    @app.post("/form", form_limits={"max_fields": 5})
    async def form(name: Annotated[str, Form()]) -> None: ...

    @app.get("/none")
    async def none() -> None: ...

    bodies = {
        name: plan_of(app, *where)["body"]
        for name, where in {
            "one": ("POST", "/one"),
            "two": ("POST", "/two"),
            "form": ("POST", "/form"),
            "none": ("GET", "/none"),
        }.items()
    }

    for body in bodies.values():
        assert body is not None
        assert body["strict_content_type"] is False
    assert {name: (b["kind"], b["keys"]) for name, b in bodies.items() if b} == {
        "one": ("json", False),
        "two": ("json", True),
        "form": ("form", True),
        "none": (None, False),
    }
    assert bodies["one"] is not None
    assert bodies["one"]["max_bytes"] == 100
    assert bodies["form"] is not None
    assert bodies["form"]["form_limits"] == {"max_fields": 5}


def test_the_reply_says_how_it_is_written_and_validated() -> None:
    app = App()

    @app.get("/model", response_model_exclude={"number"}, status_code=203)
    async def model() -> Flight: ...

    @app.get("/list")
    async def many() -> list[Flight]: ...

    @app.get("/any")
    async def anything(): ...  # type: ignore[no-untyped-def]  # no annotation is the point

    @app.get("/lines")
    async def lines() -> AsyncIterator[Flight]:
        yield Flight(number=1)

    replies = {path: plan_of(app, "GET", path)["reply"] for path in ("/model", "/list", "/any")}
    assert replies["/model"] == {
        "status_code": 203,
        "written_by": "Pydantic, straight to JSON",
        "response_class": "JSONResponse",
        "model": "Flight",
        "validated": "not again where it is an instance of Flight",
        "options": {"exclude": ["number"]},
    }
    assert replies["/list"] is not None
    assert replies["/list"]["validated"] == "always"
    assert replies["/any"] is not None
    assert replies["/any"]["validated"] == "never"
    streamed = plan_of(app, "GET", "/lines")["reply"]
    assert streamed is not None
    assert streamed["written_by"] == "JSON Lines, each item as it is yielded"
    assert (streamed["model"], streamed["validated"]) == ("Flight", "each item")


def test_status_codes_hold_the_success_the_declared_ones_and_what_values_can_cause() -> None:
    app = App()

    @app.post("/", status_code=201, responses={409: {"description": "taken"}}, max_body_size=9)
    async def create(flight: Flight) -> Flight: ...

    statuses = plan_of(app, "POST", "/")["status_codes"]

    assert [status["status_code"] for status in statuses] == [201, 400, 409, 413, 422, 500]
    assert {"status_code": 409, "when": "taken"} in statuses


def test_what_stands_around_a_route_is_told_outermost_first() -> None:
    app = App()
    app.add_middleware(GZipMiddleware)

    @app.middleware("http")
    async def timing(request: Request, call_next: Any) -> Any: ...

    router = APIRouter(
        middleware=[Middleware(GZipMiddleware)], exception_handlers={KeyError: timing, 404: timing}
    )

    @router.get("/inside")
    async def inside() -> None: ...

    app.include_router(router)
    below = App(max_body_size=100)
    below.add_middleware(GZipMiddleware)

    @below.get("/hi")
    async def hi() -> None: ...

    app.mount("/below", below)
    outer = [
        "replies to errors (500)",
        "timing",
        "GZipMiddleware",
    ]

    assert plan_of(app, "GET", "/inside")["around"] == [
        *outer,
        "GZipMiddleware",
        "replies to errors of the router (KeyError, 404)",
    ]
    mounted = plan_of(app, "GET", "/below/hi")
    assert mounted["mounted_at"] == "/below"
    assert mounted["around"] == [
        *outer,
        "mount /below",
        "replies to errors (500)",
        "body limit of 100 bytes",
        "GZipMiddleware",
    ]


def test_the_first_declared_route_is_the_one_explained() -> None:
    app = App()

    @app.get("/{anything}")
    async def early(anything: str) -> None: ...

    @app.get("/fixed")
    async def late() -> None: ...

    assert functions(plan_of(app, "GET", "/fixed")) == ["early"]
    assert plan_of(app, "GET", "/fixed")["path_params"] == {"anything": "fixed"}


def test_a_template_names_its_route_even_behind_another() -> None:
    app = App()

    @app.get("/{anything}")
    async def early(anything: str) -> None: ...

    @app.get("/{number:int}")
    async def late(number: int) -> None: ...

    assert functions(plan_of(app, "GET", "/{number}")) == ["late"]
    assert functions(plan_of(app, "GET", "/{number:int}")) == ["late"]


def test_the_host_of_a_url_counts() -> None:
    app = App()
    api = App()

    @api.get("/where")
    async def at_host() -> None: ...

    @app.get("/where")
    async def anywhere() -> None: ...

    app.host("api.example.org", api)
    app.router.routes.insert(0, app.router.routes.pop())

    assert functions(plan_of(app, "GET", "http://api.example.org/where?x=1")) == ["at_host"]
    assert functions(plan_of(app, "GET", "/where")) == ["anywhere"]


def test_a_websocket_is_explained_by_ws() -> None:
    def user() -> None: ...

    app = App()

    @app.websocket("/chat/{room}")
    async def chat(socket: WebSocket, room: str, user: Annotated[None, Depends(user)]) -> None: ...

    plan = plan_of(app, "ws", "/chat/kitchen")

    assert (plan["kind"], plan["body"], plan["reply"]) == ("websocket", None, None)
    assert functions(plan) == ["user", "chat"]
    assert plan["steps"][-1]["given"] == {"socket": "WebSocket"}


def test_a_handler_of_starlettes_kind_is_explained_as_one_call() -> None:
    app = App()

    def plain(request: Request) -> Response: ...

    app.add_route("/plain", plain)

    (call,) = plan_of(app, "GET", "/plain")["steps"]

    assert (call["function"]["name"], call["runs_in"]) == ("plain", "worker thread 1")


def test_a_mounted_application_that_is_no_starlette_one_is_the_end_of_the_plan() -> None:
    async def legacy(scope: Any, receive: Any, send: Any) -> None: ...

    app = App()
    app.mount("/old", legacy)

    plan = plan_of(app, "GET", "/old/deep/down")

    assert (plan["kind"], plan["route"], functions(plan)) == ("mount", "/old", ["legacy"])
    assert plan["steps"][0]["call"] == "ASGI application"


def test_a_frontend_is_explained_with_the_dependencies_around_it(tmp_path: Any) -> None:
    def user() -> None: ...

    app = App(dependencies=[Depends(user)])
    app.frontend("/ui", directory=tmp_path)

    plan = plan_of(app, "GET", "/ui/settings")

    assert (plan["kind"], plan["route"], functions(plan)) == (
        "frontend",
        "/ui",
        ["user", "respond"],
    )


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("DELETE", "/flights/1", r"answered with 405: the path takes GET, PUT\."),
        ("GET", "/flights", r"answered with a redirect to /flights/\."),
        ("GET", "/flihgts/", r"answered with 404: .* Near: /flights/"),
        ("WS", "/flights/1", "is refused"),
        ("GET", "/nowhere/{id}", "answered with 404"),
        ("POST", "/flights/{id}", r"does not take POST: it takes GET, PUT\."),
    ],
)
def test_where_no_handler_answers_it_says_what_happens(method: str, path: str, says: str) -> None:
    app = App()

    @app.api_route("/flights/{id}", methods=["GET", "PUT"])
    async def flight(id: int) -> None: ...

    @app.get("/flights/")
    async def flights() -> None: ...

    with pytest.raises(NoRoute, match=says):
        plan_of(app, method, path)


def test_an_explained_refusal_is_the_one_a_client_gets() -> None:
    app = App()

    @app.get("/flights/")
    async def flights() -> None:
        raise HTTPException(418)

    client = TestClient(app, follow_redirects=False)

    assert client.get("/flights").headers["location"].endswith("/flights/")
    assert client.post("/flights/").status_code == 405
    assert client.get("/flight").status_code == 404
