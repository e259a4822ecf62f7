"""`trivium run` in one process: what it serves, where, and that it ends as it should."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import sys
from pathlib import Path

import anyio.to_thread
import pytest
import trustme
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.server.project import APP, MEASURED, PATIENCE, Live, Project, eventually, in_background
from trivium.server.serving import THREADS
from trivium.server.settings import ServerSettings

pytestmark = pytest.mark.slow

STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
app = Starlette(routes=[Route("/pid", lambda request: PlainTextResponse("of Starlette"))])
"""
CALLABLE = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"of nobody"})
"""
FACTORY = """
from trivium import App
def create_app():
    app = App()
    app.get("/pid")(lambda: "made")
    return app
"""

LITTERING = """
import gc, weakref
from contextlib import asynccontextmanager
from trivium import App
class Litter:
    pass
gc.disable()
litter = Litter()
left = weakref.ref(litter)
@asynccontextmanager
async def littering(app):
    global litter
    litter.itself = litter
    del litter
    yield
app = App(lifespan=littering)
app.get("/left")(lambda: left() is not None)
"""


def test_the_app_of_the_project_is_served_and_the_screen_says_where(served: Project) -> None:
    live = served.trivium("run")

    assert int(live.get("/pid")) == live.process.pid
    host, port = live.address
    for said in ("main:app  (Flights)", f"http://{host}:{port}/docs", "uvloop", "Ctrl+C"):
        assert said in live.errors
    assert "\x1b" not in live.errors
    assert live.stopped() == 0
    assert served.story() == ["started", "cleaned up"]


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        (STARLETTE, [], "of Starlette"),
        (CALLABLE, [], "of nobody"),
        (FACTORY, ["main:create_app", "--factory"], '"made"'),
    ],
)
def test_any_asgi_application_is_served(
    served: Project, text: str, arguments: list[str], says: str
) -> None:
    served.write("main.py", text)

    assert served.trivium("run", *arguments).get("/pid") == says


def test_no_request_waits_for_the_collection_of_the_garbage_of_the_start(served: Project) -> None:
    served.write("main.py", LITTERING)

    assert served.trivium("run").get("/left") == "false"


def test_a_program_serves_its_own_app(served: Project) -> None:
    served.write(
        "program.py",
        "import trivium\nfrom main import app\n"
        "if __name__ == '__main__':\n"
        "    trivium.run(app, port=0)\n"
        "    print('went on')",
    )
    live = served.python("program.py")

    assert int(live.get("/pid")) == live.process.pid
    assert live.stopped() == 0
    assert "went on" in live.output


@pytest.mark.parametrize("command", ["run", "routes", "check"])
def test_a_program_that_serves_while_it_is_imported_is_told_so(
    served: Project, command: str
) -> None:
    served.write("main.py", f"import trivium\n{CALLABLE}\ntrivium.run(app, port=0)")

    live = served.python("-m", "trivium", command)

    assert live.ended() == 1
    assert "main serves while it is imported" in live.errors
    assert 'if __name__ == "__main__"' in live.errors


def test_settings_come_from_flags_then_the_environment_then_the_project(served: Project) -> None:
    served.write("pyproject.toml", "[tool.trivium]\nthreads = 7\nroot-path = 'a'\nbacklog = 9")
    served.write(".env", "TRIVIUM_THREADS=8\nFLIGHTS_NAME=fromfile")
    served.write(
        "main.py",
        "import os, anyio.to_thread\nfrom trivium import App, Request\napp = App()\n"
        "@app.get('/')\nasync def read(request: Request):\n"
        "    limiter = anyio.to_thread.current_default_thread_limiter()\n"
        "    return [limiter.total_tokens, request.scope['root_path'], os.environ['FLIGHTS_NAME']]",
    )

    live = served.trivium(
        "run", "--env-file", ".env", "--threads", "5", environment={"TRIVIUM_ROOT_PATH": "/b/"}
    )
    assert json.loads(live.get("/")) == [5, "/b", "fromfile"]

    live = served.trivium("run", "--env-file", ".env")
    assert json.loads(live.get("/")) == [8, "/a", "fromfile"]


async def test_the_threads_that_are_not_told_to_anyio_are_those_it_allows_by_itself() -> None:
    assert anyio.to_thread.current_default_thread_limiter().total_tokens == THREADS
    assert ServerSettings().threads == THREADS


def test_a_port_that_is_taken_is_named_with_the_way_out(served: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        live = served.python("-m", "trivium", "run", "--port", str(port))

        assert live.ended() == 1
        assert f"127.0.0.1:{port} is taken by another program" in live.errors
        assert "Traceback" not in live.errors


def test_an_application_that_does_not_start_ends_the_process(served: Project) -> None:
    served.write(
        "main.py",
        "from trivium import App\n"
        "async def lifespan(app):\n"
        "    raise RuntimeError('no database')\n"
        "    yield\n"
        "app = App(lifespan=lifespan)",
    )
    live = served.trivium("run")

    assert live.ended() == 3
    assert "RuntimeError: no database" in live.errors


@pytest.mark.parametrize("arguments", [[], ["--asgi"], ["--http2"]], ids=str)
@pytest.mark.parametrize("wait", ["pass", "await asyncio.sleep(0)"])
def test_a_handler_does_not_end_the_server(
    served: Project, arguments: list[str], wait: str
) -> None:
    served.write(
        "main.py",
        f"{APP}\nimport sys\n"
        f"@app.get('/exit')\nasync def leave():\n    {wait}\n    sys.exit(3)\n"
        f"@app.get('/interrupt')\nasync def stop():\n    {wait}\n    raise KeyboardInterrupt\n",
    )
    live = served.trivium("run", *arguments)

    assert [_status_of(live, path) for path in ("/exit", "/interrupt")] == [500, 500]
    assert int(live.get("/pid")) == live.process.pid
    assert "SystemExit: 3" in live.errors
    assert live.stopped() == 0
    assert served.story() == ["started", "cleaned up"]


# -- Where -----------------------------------------------------------------------------------------


def test_a_unix_socket_is_served_and_removed(served: Project) -> None:
    path = served.root / "app.sock"
    live = served.trivium("run", "--uds", str(path))
    live.until_said("address +(unix:.*)")

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /pid HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 OK")

    assert live.stopped() == 0
    assert not path.exists()


def test_a_socket_that_somebody_else_has_bound_is_served(served: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        fd = bound.fileno()
        live = served.trivium("run", "--fd", str(fd), pass_fds=[fd])

        assert live.address == bound.getsockname()
        assert int(live.get("/pid")) == live.process.pid


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    directory = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(directory / "server.pem")
    issued.private_key_pem.write_to_path(directory / "server.key")
    authority.cert_pem.write_to_path(directory / "authority.pem")
    return authority, directory


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tls_is_served(
    served: Project, certificates: tuple[trustme.CA, Path], workers: str
) -> None:
    authority, directory = certificates
    context = ssl.create_default_context()
    authority.configure_trust(context)

    live = served.trivium(
        "run",
        *("--ssl-certfile", str(directory / "server.pem")),
        *("--ssl-keyfile", str(directory / "server.key")),
        *("--workers", workers),
    )
    host, port = live.address
    client = http.client.HTTPSConnection(host, port, context=context, timeout=PATIENCE)
    client.request("GET", "/pid")

    assert client.getresponse().status == 200
    assert "https://127.0.0.1" in live.errors
    client.close()


def test_a_client_without_a_certificate_is_refused_where_one_is_wanted(
    served: Project, certificates: tuple[trustme.CA, Path]
) -> None:
    authority, directory = certificates
    context = ssl.create_default_context()
    authority.configure_trust(context)
    live = served.trivium(
        "run",
        *("--ssl-certfile", str(directory / "server.pem")),
        *("--ssl-keyfile", str(directory / "server.key")),
        *("--ssl-ca-certs", str(directory / "authority.pem")),
    )
    host, port = live.address

    without = http.client.HTTPSConnection(host, port, context=context, timeout=PATIENCE)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        answer(without)
    without.close()

    authority.issue_cert("client@example.org").configure_cert(context)
    allowed = http.client.HTTPSConnection(host, port, context=context, timeout=PATIENCE)
    allowed.request("GET", "/pid")
    assert allowed.getresponse().status == 200
    allowed.close()


def test_a_certificate_that_cannot_be_used_is_named(served: Project) -> None:
    served.write("server.pem", "no certificate")

    live = served.trivium("run", "--ssl-certfile", "server.pem")

    assert live.ended() == 1
    assert "server.pem" in live.errors
    assert "Traceback" not in live.errors


def answer(client: http.client.HTTPConnection) -> int:
    client.request("GET", "/pid")
    return client.getresponse().status


# -- The end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "protocol"),
    [
        (signal.SIGTERM, "--no-asgi"),
        (signal.SIGTERM, "--asgi"),
        (signal.SIGINT, "--no-asgi"),
        (signal.SIGHUP, "--no-asgi"),
    ],
)
def test_an_open_request_is_answered_before_the_end(
    served: Project, number: int, protocol: str
) -> None:
    live = served.trivium("run", protocol)
    answer = in_background(lambda: live.get("/until/go"))
    served.until_told("waiting")

    live.signal(number)
    eventually(lambda: refuses(live.address), "the port is closed")
    served.write("go", "")

    assert answer() == '"done"'
    assert live.ended() == 0
    assert served.story() == ["started", "waiting", "done", "cleaned up"]


def refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_request_whose_body_is_on_its_way_is_answered_before_the_end(served: Project) -> None:
    live = served.trivium("run")
    with live.socket() as client:
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        client.sendall(head + b'Content-Length: 8\r\n\r\n{"a"')
        live.get("/pid")  # which comes after what was sent above

        live.signal(signal.SIGTERM)
        eventually(lambda: refuses(live.address), "the port is closed")
        client.sendall(b": 1}")

        reply = client.makefile("rb").read().lower()
    assert reply.startswith(b"http/1.1 200 ok")
    assert b"connection: close" in reply
    assert live.ended() == 0


def test_an_idle_connection_does_not_hold_up_the_end(served: Project) -> None:
    live = served.trivium("run", "--timeout-keep-alive", "3600", "--graceful-timeout", "3600")
    with live.socket() as unused, live.socket() as used:
        used.sendall(b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\n")
        used.recv(1)

        assert live.stopped() == 0
        assert used.makefile("rb").read().endswith(str(live.process.pid).encode())
        assert unused.recv(1) == b""


def test_what_waits_for_the_shutdown_ends_by_itself(served: Project) -> None:
    live = served.trivium("run", "--graceful-timeout", "3600")
    answer = in_background(lambda: live.get("/until-shutdown"))
    served.until_told("waiting")

    assert live.stopped() == 0
    assert answer() == '"bye"'


@pytest.mark.parametrize("protocol", ["--no-asgi", "--asgi"])
def test_events_end_by_themselves_when_there_is_nothing_to_tell(
    served: Project, protocol: str
) -> None:
    live = served.trivium("run", protocol, "--graceful-timeout", "3600")
    with live.socket() as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        reader = client.makefile("rb")
        assert any(b"departed" in line for line in iter(reader.readline, b""))

        assert live.stopped() == 0
        # The stream is complete: its last chunk is there.
        assert reader.read().endswith(b"0\r\n\r\n")
    assert served.story() == ["started", "events closed", "cleaned up"]


@pytest.mark.parametrize("protocol", ["--no-asgi", "--asgi"])
def test_a_stream_without_an_end_is_closed_after_the_graceful_timeout(
    served: Project, protocol: str
) -> None:
    live = served.trivium("run", protocol, "--graceful-timeout", "0.3")
    with live.socket() as client:
        client.sendall(b"GET /for-ever HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1)

        assert live.stopped() == 0

    assert served.story() == ["started", "stream closed", "cleaned up"]
    assert "Cancelling 1 requests" in live.errors


def test_a_reader_that_does_not_read_does_not_hold_up_the_end(served: Project) -> None:
    served.write(
        "main.py",
        "from main_app import *\n"
        "@app.get('/large')\nasync def large():\n"
        "    tell('large')\n    return Response(b'x' * 50_000_000)",
    )
    served.write(
        "main_app.py",
        "from contextlib import asynccontextmanager\n"
        "from trivium import App, Response\n"
        "def tell(event):\n    open('story', 'a').write(event + '\\n')\n"
        "@asynccontextmanager\nasync def lifespan(app):\n    yield\n    tell('cleaned up')\n"
        "app = App(lifespan=lifespan)\n",
    )
    live = served.trivium("run", "--graceful-timeout", "0.3")
    with live.socket() as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        served.until_told("large")

        assert live.stopped() == 0

    assert served.story() == ["large", "cleaned up"]


def test_a_websocket_is_closed_because_the_service_restarts(served: Project) -> None:
    live = served.trivium("run", "--graceful-timeout", "3600")
    host, port = live.address
    with connect(f"ws://{host}:{port}/socket", proxy=None) as client:
        client.send("hello")
        assert client.recv(timeout=PATIENCE) == "hello"

        live.signal(signal.SIGTERM)

        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert live.ended() == 0
    assert served.story() == ["started", "socket closed", "cleaned up"]


def test_a_background_task_is_finished_before_the_end(served: Project) -> None:
    live = served.trivium("run")
    live.get("/task/go")
    served.until_told("task begins")

    live.signal(signal.SIGTERM)
    eventually(lambda: refuses(live.address), "the port is closed")
    served.write("go", "")

    assert live.ended() == 0
    assert served.story() == ["started", "task begins", "task ends", "cleaned up"]


def test_the_head_of_a_request_that_never_ends_does_not_hold_up_the_end(served: Project) -> None:
    live = served.trivium("run", "--graceful-timeout", "3600")
    with live.socket() as client:
        client.sendall(b"GET /pid HTT")
        live.get("/pid")  # which comes after what was sent above

        assert live.stopped() == 0


def test_a_second_interrupt_cancels_what_is_open_and_still_cleans_up(served: Project) -> None:
    live = served.trivium("run", "--graceful-timeout", "3600")
    with live.socket() as client:
        client.sendall(b"GET /for-ever HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1)

        live.signal(signal.SIGINT)
        live.until_said("Stopping; once more cancels")
        live.signal(signal.SIGINT)

        assert live.ended() == 0
    assert served.story() == ["started", "stream closed", "cleaned up"]


def test_a_third_interrupt_ends_a_clean_up_that_hangs(served: Project) -> None:
    served.write(
        "main.py",
        "import asyncio\nfrom trivium import App\n"
        "async def lifespan(app):\n"
        "    yield\n"
        "    print('cleaning', flush=True)\n"
        "    await asyncio.sleep(3600)\n"
        "app = App(lifespan=lifespan)",
    )
    live = served.trivium("run")
    assert live.address
    live.signal(signal.SIGINT)
    eventually(lambda: "cleaning" in live.output, "the clean-up has begun")
    live.signal(signal.SIGINT)
    live.until_said("Cancelling what is open")
    live.signal(signal.SIGINT)

    assert live.ended() == 1
    assert "The clean-up of the application is interrupted" in live.errors


def test_a_start_that_hangs_is_interrupted_and_undone(served: Project) -> None:
    served.write(
        "main.py",
        "import asyncio\nfrom trivium import App\n"
        "async def lifespan(app):\n"
        "    try:\n"
        "        print('opened', flush=True)\n"
        "        await asyncio.sleep(3600)\n"
        "        yield\n"
        "    finally:\n"
        "        print('closed', flush=True)\n"
        "app = App(lifespan=lifespan)",
    )
    live = served.trivium("run")
    eventually(lambda: "opened" in live.output, "the start has begun")

    assert live.stopped() == 0
    assert live.output == "opened\nclosed\n"
    assert "Traceback" not in live.errors


@pytest.mark.parametrize(
    "handler",
    [
        "def stuck():\n    print('stuck', flush=True)\n    threading.Event().wait()",
        "async def stuck():\n    print('stuck', flush=True)\n"
        "    await asyncio.to_thread(threading.Event().wait)",
        "async def stuck():\n    asyncio.ensure_future(stubborn())\n"
        "async def stubborn():\n    print('stuck', flush=True)\n"
        "    while True:\n        with contextlib.suppress(asyncio.CancelledError):\n"
        "            await asyncio.Event().wait()",
    ],
    ids=["def", "to_thread", "task"],
)
def test_what_cannot_be_cancelled_does_not_hold_up_the_end(served: Project, handler: str) -> None:
    served.write(
        "main.py",
        "import asyncio, contextlib, threading\nfrom trivium import App\n"
        "async def lifespan(app):\n    yield\n    print('cleaned up', flush=True)\n"
        f"app = App(lifespan=lifespan)\n@app.get('/')\n{handler}",
    )
    path = served.root / "app.sock"
    live = served.trivium("run", "--graceful-timeout", "0.1", "--uds", str(path))
    live.until_said("address +unix:")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: "stuck" in live.output, "the handler runs")

        assert live.stopped() == 0
    assert "cleaned up" in live.output
    assert "what cannot be cancelled" in live.errors
    assert not path.exists()


@pytest.mark.parametrize("command", ["run", "dev"])
def test_it_outlives_its_terminal_where_that_is_wanted(served: Project, command: str) -> None:
    live = Live(
        ["nohup", sys.executable, "-m", "trivium", command, "--port", "0"],
        served.root,
        {**os.environ, **MEASURED},
    )
    served.started.append(live)
    pid = live.get("/pid")

    os.killpg(live.process.pid, signal.SIGHUP)

    for each in (int(pid), live.process.pid):
        status = Path(f"/proc/{each}/status").read_text("ascii")
        ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
        assert ignored >> (signal.SIGHUP - 1) & 1
    assert live.get("/pid") == pid
    assert live.stopped() == 0
    assert served.story() == ["started", "cleaned up"]


def test_proxies_that_are_named_are_believed(served: Project) -> None:
    served.write(
        "main.py",
        "from trivium import App, Request\napp = App()\n"
        "@app.get('/')\nasync def read(request: Request):\n"
        "    return [request.client.host, request.url.scheme]",
    )
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}

    def asked(*options: str) -> list[str]:
        live = served.trivium("run", *options)
        connection = live.connect()
        connection.request("GET", "/", headers=headers)
        answer: list[str] = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    assert asked() == ["127.0.0.1", "http"]
    assert asked("--forwarded-allow-ips", "127.0.0.0/8") == ["203.0.113.7", "https"]


# -- Threads ---------------------------------------------------------------------------------------


def test_def_code_waits_for_one_of_so_many_threads(served: Project) -> None:
    served.write(
        "main.py",
        "import threading\nfrom contextvars import ContextVar\nfrom trivium import App, Depends\n"
        "app = App()\nbusy = most = 0\nlock = threading.Lock()\nasker = ContextVar('asker')\n"
        "async def ask(n: int):\n    asker.set(n)\n"
        "@app.get('/{n}', dependencies=[Depends(ask)])\n"
        "def read(n: int):\n"
        "    global busy, most\n"
        "    with lock:\n        busy += 1\n        most = max(most, busy)\n"
        "    threading.Event().wait(0.02)\n"
        "    with lock:\n        busy -= 1\n"
        "    return [asker.get(), most]",
    )
    live = served.trivium("run", "--threads", "3", "--no-access-log")

    calls = [in_background(lambda n=n: live.get(f"/{n}")) for n in range(30)]
    answers = [json.loads(call()) for call in calls]

    assert [asker for asker, _ in answers] == list(range(30))
    assert max(most for _, most in answers) == 3


# -- What is loaded --------------------------------------------------------------------------------

LATE = """
import sys
from dataclasses import dataclass
from trivium import App

app = App()

@app.get("/loaded")
async def loaded():
    return [name for name in ("pydantic.main", "anyio._core._tasks") if name in sys.modules]

@dataclass
class Flight:
    number: int

@app.get("/flights/new")
def new_flight():
    return {"flight": Flight(7)}

@app.get("/flights/known")
async def known_flight():
    return [Flight(7)]
"""


@pytest.mark.parametrize("protocol", ["--no-asgi", "--asgi"])
def test_what_makes_models_comes_with_the_first_value_that_may_be_one(
    served: Project, protocol: str
) -> None:
    served.write("main.py", LATE)
    live = served.trivium("run", protocol)
    before = json.loads(live.get("/loaded"))

    paths = ["/flights/new", "/flights/known"] * 10
    calls = [in_background(lambda path=path: live.get(path)) for path in paths]
    answers = [json.loads(call()) for call in calls]

    assert before == []
    assert answers == [{"flight": {"number": 7}}, [{"number": 7}]] * 10
    assert "pydantic.main" in json.loads(live.get("/loaded"))


@pytest.mark.parametrize("protocol", ["--no-asgi", "--asgi"])
def test_pages_and_files_arrive_that_are_first_asked_for_at_the_same_time(
    served: Project, protocol: str
) -> None:
    live = served.trivium("run", protocol)

    paths = ["/docs", "/redoc", "/docs/assets/page.css", "/docs/assets/swagger-ui.init.js"] * 5
    calls = [in_background(lambda path=path: live.get(path)) for path in paths]
    swagger_ui, redoc, style, script, *again = [call() for call in calls]

    assert "swagger-ui.init.js?v=" in swagger_ui
    assert "redoc.init.js?v=" in redoc
    assert "body" in style
    assert "SwaggerUIBundle" in script
    assert again == [swagger_ui, redoc, style, script] * 4


# -- What is written -------------------------------------------------------------------------------


def test_every_line_is_json_where_that_is_wanted(served: Project) -> None:
    live = served.trivium("run", "--log-format", "json", "--workers", "2")
    port = live.until_said(r"http://127\.0\.0\.1:(\d+)")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
    connection.request("GET", "/pid?a=1")
    connection.getresponse().read()
    connection.close()
    assert live.stopped() == 0

    lines = [json.loads(line) for line in (live.errors + live.output).splitlines()]
    (request,) = [line for line in lines if line["logger"].endswith("access")]

    assert {line["level"] for line in lines} == {"info"}
    assert request["status"] == 200
    assert request["path"].startswith("/pid")


def test_an_app_with_an_access_log_of_its_own_is_told_of_once(served: Project) -> None:
    served.write(
        "main.py",
        "from trivium import App\nfrom trivium.stages.access_log import AccessLog\n"
        "app = App()\napp.add_stage(AccessLog())\napp.get('/pid')(lambda: 1)",
    )
    live = served.trivium("run")
    live.get("/pid")
    assert live.stopped() == 0

    (line,) = live.output.splitlines()
    assert json.loads(line)["path"] == "/pid"


@pytest.mark.parametrize("has_own", [False, True])
def test_the_access_log_can_be_left_out(served: Project, has_own: bool) -> None:
    if has_own:
        served.write(
            "main.py",
            "from trivium import App\nfrom trivium.stages.access_log import AccessLog\n"
            "app = App()\napp.add_stage(AccessLog())\napp.get('/pid')(lambda: 1)",
        )
    live = served.trivium("run", "--no-access-log", "--quiet")
    port = live.until_said(r"http://127\.0\.0\.1:(\d+)")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
    connection.request("GET", "/pid")
    connection.getresponse().read()
    connection.close()

    assert live.stopped() == 0
    assert live.output == ""
    assert "threads" not in live.errors


def test_a_sink_of_the_application_is_told_whatever_the_server_writes(served: Project) -> None:
    served.write(
        "main.py",
        "from trivium import App\nfrom trivium.stages.access_log import AccessLog\n"
        "def sink(batch): print([access.path for access in batch], flush=True)\n"
        "app = App()\napp.add_stage(AccessLog(sink))\napp.get('/pid')(lambda: 1)",
    )
    live = served.trivium("run", "--no-access-log")
    live.get("/pid")
    assert live.stopped() == 0

    assert live.output == "['/pid']\n"


def _status_of(live: Live, path: str) -> int:
    """The status, over a connection of its own."""
    connection = live.connect()
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_on_and_is_not_ready_for_the_delay(served: Project, workers: str) -> None:
    health = "\nfrom trivium.stages.health import Health\napp.add_stage(Health())\n"
    served.write("main.py", APP + health)
    live = served.trivium("run", "--workers", workers, "--shutdown-delay", "3600")
    if workers == "2":
        live.until_said("Worker .* serves", times=2)
    assert _status_of(live, "/ready") == 200

    live.signal(signal.SIGTERM)
    live.until_said("serving on for 3600 s", times=int(workers))

    statuses = {path: _status_of(live, path) for path in ("/ready", "/health", "/pid")}
    assert statuses == {"/ready": 503, "/health": 200, "/pid": 200}
    live.signal(signal.SIGINT)
    if workers == "1":
        # the first one only asks for the end
        live.until_said("once more cancels")
        live.signal(signal.SIGINT)
    assert live.ended() == 0
    assert served.story().count("cleaned up") == int(workers)


def test_it_ends_when_the_delay_is_over(served: Project) -> None:
    live = served.trivium("run", "--shutdown-delay", "0.1")
    live.get("/pid")

    assert live.stopped() == 0
    assert served.story() == ["started", "cleaned up"]
