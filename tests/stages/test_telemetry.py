"""What OpenTelemetry is told of requests and connections."""

from __future__ import annotations

import threading

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from starlette.responses import PlainTextResponse, StreamingResponse

from tests.stages.observed import Observed
from trivium import (
    APIRouter,
    App,
    BackgroundTasks,
    Depends,
    HTTPException,
    WebSocket,
)
from trivium.errors import DeclarationError
from trivium.fastapi.telemetry import get_telemetry_data
from trivium.testing import TestClient


@pytest.fixture
def observed():
    observed = Observed()
    yield observed
    observed.close()


@pytest.fixture
def app(observed):
    return App(telemetry=observed.config)


@pytest.fixture
def client(app):
    return TestClient(app, raise_server_exceptions=False)


def test_a_request_is_a_span_named_by_its_method_and_template(app, client, observed):
    @app.get("/items/{item_id}")
    def read_item(item_id: int):
        return item_id

    client.get("/items/7?page=2&sig=secret")

    (span,) = observed.server_spans
    assert span.name == "GET /items/{item_id}"
    assert span.status.status_code is StatusCode.UNSET
    attributes = dict(span.attributes)
    assert attributes["http.route"] == "/items/{item_id}"
    assert attributes["http.request.method"] == "GET"
    assert attributes["http.response.status_code"] == 200
    assert attributes["url.path"] == "/items/7"
    assert attributes["url.query"] == "page=2&sig=REDACTED"
    assert attributes["server.address"] == "testserver"


def test_the_operations_of_a_request_are_spans_below_it(app, client, observed):
    async def user():
        return "ada"

    def session():
        yield "session"

    @app.get("/")
    def read(user: str = Depends(user), session: str = Depends(session)):
        return [user, session]

    assert client.get("/").json() == ["ada", "session"]

    spans = observed.spans
    assert list(spans) == [
        "fastapi.dependencies",
        "fastapi.endpoint",
        "fastapi.serialization",
        "GET /",
    ]
    for name in list(spans)[:-1]:
        assert spans[name].parent.span_id == spans["GET /"].context.span_id
        assert spans[name].attributes["code.function.name"].endswith("<locals>.read")


def test_an_observed_handler_and_its_dependencies_make_one_thread_visit(app, client, observed):
    threads, spans = [], []

    def look():
        threads.append(threading.get_ident())
        spans.append(trace.get_current_span().name)

    async def outer():
        spans.append(trace.get_current_span().name)

    @app.get("/", dependencies=[Depends(outer), Depends(look)])
    def handler():
        look()

    client.get("/")

    assert threads[0] == threads[1]
    assert spans == ["fastapi.dependencies", "fastapi.dependencies", "fastapi.endpoint"]


def test_the_trace_of_the_caller_goes_on(app, client, observed):
    client.get("/missing", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})

    (span,) = observed.server_spans
    assert span.context.trace_id == int("a" * 32, 16)
    assert span.parent.span_id == int("b" * 16, 16)
    assert not trace.get_current_span().get_span_context().is_valid


def test_requests_are_measured_by_template(app, client, observed):
    @app.get("/items/{item_id}")
    async def read_item(item_id: int):
        return [point.value for point in observed.points("http.server.active_requests")]

    assert client.get("/items/1").json() == [1]
    client.get("/items/2")

    (duration,) = observed.points("http.server.request.duration")
    assert duration.count == 2
    assert duration.attributes["http.route"] == "/items/{item_id}"
    assert "url.path" not in duration.attributes
    assert [point.value for point in observed.points("http.server.active_requests")] == [0]


@pytest.mark.parametrize(
    ("method", "path", "status", "route"),
    [
        ("POST", "/items/1", 405, "/items/{item_id}"),
        ("GET", "/items/1/", 307, "/items/{item_id}"),
        ("GET", "/items/x", 422, "/items/{item_id}"),
        ("GET", "/elsewhere", 404, None),
        ("GET", "/docs", 200, "/docs"),
    ],
)
def test_a_request_that_no_handler_answers_has_its_template_too(
    app, client, observed, method, path, status, route
):
    @app.get("/items/{item_id}")
    def read_item(item_id: int):
        return item_id

    assert client.request(method, path, follow_redirects=False).status_code == status

    (span,) = observed.server_spans
    assert span.attributes.get("http.route") == route
    assert span.attributes["http.response.status_code"] == status


def test_routes_of_included_routers_and_mounted_applications_have_their_full_template(
    app, client, observed
):
    child = App()
    router = APIRouter(prefix="/v1")

    @router.get("/items/{item_id}")
    def read_item(item_id: int):
        return item_id

    child.include_router(router, prefix="/api")
    app.mount("/tenants/{tenant}", child)
    assert client.get("/tenants/acme/api/v1/items/3").json() == 3

    assert list(observed.spans) == [
        "fastapi.dependencies",
        "fastapi.endpoint",
        "fastapi.serialization",
        "GET /tenants/{tenant}/api/v1/items/{item_id}",
    ]


def test_the_files_of_a_frontend_share_a_template(app, client, observed, tmp_path):
    (tmp_path / "index.html").write_text("page")
    app.frontend("/ui", directory=tmp_path, fallback="index.html")

    client.get("/ui/index.html")

    (span,) = observed.server_spans
    assert span.attributes["http.route"] == "/ui/{path}"


def test_an_unhandled_error_is_logged_once_and_fails_its_spans(app, client, observed):
    error = ValueError("broken")

    @app.get("/broken")
    def broken():
        raise error

    assert client.get("/broken").status_code == 500

    (record,) = observed.logs
    assert record.exception is error
    assert record.event_name == "http.server.request.exception"
    assert record.attributes["http.route"] == "/broken"
    failed = [s for s in observed.spans.values() if s.status.status_code is StatusCode.ERROR]
    assert [span.name for span in failed] == ["fastapi.endpoint", "GET /broken"]
    assert {span.attributes["error.type"] for span in failed} == {"ValueError"}


def test_an_error_in_a_mounted_application_is_named_in_the_span(app, client, observed):
    child = App()

    @child.get("/broken")
    def broken():
        raise ValueError("broken")

    app.mount("/child", child)
    client.get("/child/broken")

    (span,) = observed.server_spans
    assert span.attributes["error.type"] == "ValueError"
    assert len(observed.logs) == 1


def test_an_answer_that_was_raised_is_no_error(app, client, observed):
    @app.get("/")
    def handler():
        raise HTTPException(404, "nothing here")

    client.get("/")

    assert observed.logs == []
    assert all(s.status.status_code is StatusCode.UNSET for s in observed.spans.values())


def test_a_request_that_does_not_validate_is_logged_as_a_warning(app, client, observed):
    @app.get("/items/{item_id}")
    def read_item(item_id: int, limit: int):
        return item_id

    assert client.get("/items/x").status_code == 422

    (record,) = observed.logs
    assert record.severity_text == "WARN"
    assert record.event_name == "fastapi.validation.failed"
    assert dict(record.attributes) == {
        "fastapi.validation.error_count": 2,
        "http.route": "/items/{item_id}",
    }


def test_a_background_task_is_a_span_after_the_end_of_the_request(app, client, observed):
    ended = []

    def note():
        ended.append((trace.get_current_span().name, len(observed.server_spans)))

    @app.get("/")
    async def handler(tasks: BackgroundTasks):
        tasks.add_task(note)

    client.get("/")

    assert ended == [("fastapi.background_task", 1)]
    span = observed.spans["fastapi.background_task"]
    assert span.attributes["code.function.name"].endswith("note")


def test_a_stream_ends_with_its_last_byte(app, client, observed):
    ended = []

    @app.get("/")
    async def handler():
        async def chunks():
            yield "one"
            ended.append(len(observed.server_spans))
            yield "two"

        return StreamingResponse(chunks())

    assert client.get("/").text == "onetwo"
    assert ended == [0]
    assert len(observed.server_spans) == 1


def test_a_websocket_is_one_span(app, client, observed):
    @app.websocket("/rooms/{room}")
    async def chat(websocket: WebSocket, room: int):
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    with client.websocket_connect("/rooms/4") as websocket:
        websocket.send_text("private")
        assert websocket.receive_text() == "private"

    assert list(observed.spans) == [
        "fastapi.dependencies",
        "fastapi.endpoint",
        "WS /rooms/{room}",
    ]
    assert "private" not in repr(dict(observed.server_spans[0].attributes))


def test_processors_see_the_request_while_it_is_served_and_not_after(app, client, observed):
    kept = []

    @app.post("/items/{item_id}")
    def handler(item_id: int, item: dict[str, int]):
        data = get_telemetry_data()
        kept.append((data.request.url.path, data.body, data.values, data.errors))
        return item

    client.post("/items/1", json={"a": 2})

    assert kept == [("/items/1", {"a": 2}, {"item_id": 1, "item": {"a": 2}}, [])]
    assert get_telemetry_data() is None


@pytest.mark.parametrize(
    ("setting", "spans", "measured", "logged"),
    [
        ({"tracing": False}, 0, 1, 1),
        ({"metrics": False}, 3, 0, 1),
        ({"logs": False}, 3, 1, 0),
        ({"operation_spans": False}, 1, 1, 1),
        ({"exclude": lambda scope: scope["path"] == "/"}, 0, 0, 0),
    ],
)
def test_each_signal_can_be_left_out(observed, setting, spans, measured, logged):
    app = App(telemetry={**observed.config, **setting})

    @app.get("/")
    def handler():
        raise ValueError

    TestClient(app, raise_server_exceptions=False).get("/")

    # dependencies, endpoint and the request; a handler that fails leaves nothing to serialize
    assert len(observed.exporter.get_finished_spans()) == spans
    assert len(observed.points("http.server.request.duration")) == measured
    assert len(observed.logs) == logged


def test_starlette_routes_are_observed_as_well(app, client, observed):
    @app.route("/plain/{name}")
    def plain(request):
        return PlainTextResponse("plain")

    client.get("/plain/x")

    assert [span.name for span in observed.server_spans] == ["GET /plain/{name}"]


def test_a_router_shared_with_an_application_that_is_not_observed_stays_quiet_there(
    app, client, observed
):
    router = APIRouter()

    @router.get("/")
    def handler():
        return "ok"

    quiet = App(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.include_router(router, prefix="/a")
    quiet.include_router(router, prefix="/a")

    client.get("/a/")
    assert TestClient(quiet).get("/a/").json() == "ok"

    assert len(observed.server_spans) == 1


def test_a_setting_that_does_not_exist_is_refused_with_the_nearest_one():
    with pytest.raises(DeclarationError, match=r"telemetry=\{'operation_spans': ...\}"):
        App(telemetry={"operations_span": False})
