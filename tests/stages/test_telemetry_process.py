"""What telemetry does to a process: what is imported, what is exported, what starts without it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SRC = Path(__file__).parents[2] / "src"

APPLICATION = """
    import sys
    from trivium import App
    from trivium.testing import TestClient

    def serve(app):
        app.get("/items/{item_id}")(lambda item_id: item_id)
        with TestClient(app) as client:
            assert client.get("/items/1").json() == "1"
"""

WITHOUT_THE_PACKAGE = """
    import sys

    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "opentelemetry":
                raise ModuleNotFoundError(name)

    sys.meta_path.insert(0, Absent())
    # what FastAPI-like packages may have imported of it is not there either
    import importlib.util
    found = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *a: None if name == "opentelemetry" else found(name, *a)
"""


def printed(*parts, **environment):
    program = "\n".join(textwrap.dedent(part) for part in parts)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": str(SRC), **environment},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_providers_opentelemetry_is_never_imported():
    shown = printed(
        APPLICATION,
        """
        app = App()
        serve(app)
        print([name for name in sys.modules if name.startswith("opentelemetry")])
        print(type(app.middleware_stack).__name__)
        """,
    )

    # nothing stands before the middleware after the first request
    assert shown.splitlines() == ["[]", "ServerErrors"]


def test_everything_else_works_without_the_package():
    assert printed(WITHOUT_THE_PACKAGE, APPLICATION, "serve(App()); print('served')") == "served\n"


def test_asking_for_telemetry_without_the_package_says_what_to_install():
    shown = printed(
        WITHOUT_THE_PACKAGE,
        APPLICATION,
        """
        try:
            App(telemetry={"operation_spans": False})
        except RuntimeError as error:
            print(error)
        """,
    )

    assert "pip install 'trivium[observe]'" in shown


def test_a_global_provider_set_in_the_lifespan_is_used():
    shown = printed(
        APPLICATION,
        """
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def lifespan(app):
            from opentelemetry import trace
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

            provider = TracerProvider()
            show = ConsoleSpanExporter(formatter=lambda span: span.name + "\\n")
            provider.add_span_processor(SimpleSpanProcessor(show))
            trace.set_tracer_provider(provider)
            yield

        serve(App(lifespan=lifespan))
        """,
    )

    assert shown.splitlines()[-1] == "GET /items/{item_id}"


@pytest.fixture
def collector():
    """An OTLP collector: the paths that were posted to, and its address."""
    paths = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield paths, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_environment_can_ask_for_exporters(collector):
    paths, address = collector

    printed(
        APPLICATION,
        "serve(App(telemetry={'auto_configure': True}))",
        OTEL_EXPORTER_OTLP_ENDPOINT=address,
        OTEL_METRICS_EXPORTER="none",
    )

    assert set(paths) == {"/v1/traces"}


def test_the_environment_is_not_followed_unless_asked(collector):
    paths, address = collector

    printed(APPLICATION, "serve(App())", OTEL_EXPORTER_OTLP_ENDPOINT=address)

    assert paths == []


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER=zipkin is not supported"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "The OTLP protocol grpc is not supported"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere", "is no HTTP address: nowhere"),
    ],
)
def test_an_application_starts_where_the_environment_cannot_be_followed(variable, value, message):
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", variable: value}

    shown = printed(
        "import logging; logging.basicConfig(stream=__import__('sys').stdout)",
        APPLICATION,
        "serve(App()); print('served')",
        FASTAPI_OTEL_AUTO_CONFIGURE="true",
        **environment,
    )

    assert message in shown
    assert shown.endswith("served\n")
