"""Who is measured: the framework, the server its users would pick, and what it does not have."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_UVICORN = ("-m", "uvicorn", "--port", "{port}", "--log-level", "warning", "--no-access-log")
_TRIVIUM = ("-m", "trivium", "run", "--port", "{port}", "--quiet")
_TRIVIUM += ("--log-level", "warning", "--no-access-log")
_GRANIAN = ("-m", "granian", "--interface", "asgi", "--port", "{port}", "--workers", "1")
_GRANIAN += ("--log-level", "warning", "--no-access-log")
_GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--log-level", "warning")
# A worker that is paused while others are measured must not be taken for one that hangs. Threads
# give it keep-alive, which gunicorn's default worker does not have, and take memory.
_GUNICORN += ("--workers", "1", "--timeout", "0")
_THREADS = ("--threads", "8", "--keep-alive", "60")

_NO_STACK = "no usual set of middleware"


@dataclass(frozen=True, slots=True)
class Peer:
    """One framework on one server.

    program: the start of its files' names in `programs/`: `NAME_app.py` and `NAME_one.py`.
    command: arguments of Python; {module} and {port} are filled in.
    alone: the same for the program of one route, where its users would ask for less than that.
    lacks: name of an endpoint to the reason why it is not measured.
    packages: what has to be installed, and whose versions are recorded.
    """

    name: str
    framework: str
    server: str
    program: str
    command: tuple[str, ...]
    packages: tuple[str, ...]
    lacks: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    alone: tuple[str, ...] | None = None

    def arguments(self, port: int, *, one_route: bool) -> list[str]:
        module = f"{self.program}_{'one' if one_route else 'app'}"
        command = self.alone if one_route and self.alone else self.command
        return [part.format(module=module, port=port) for part in command]


def _only(*names: str) -> dict[str, str]:
    """Everything but `names` is lacking: the program has nothing else."""
    every = ("params", "body", "def", "production", "report", "upload", "events", "echo")
    return {name: "no such program" for name in every if name not in names}


PEERS = (
    Peer(
        "limit",
        "httptools on uvloop",
        "itself",
        "limit",
        ("{module}.py", "{port}"),
        ("httptools", "uvloop", "pydantic"),
        lacks=_only("body"),
    ),
    Peer(
        "bare",
        "bare ASGI",
        "uvicorn",
        "bare",
        (*_UVICORN, "{module}:app"),
        ("uvicorn",),
        lacks=_only(),
    ),
    Peer(
        "trivium",
        "Trivium",
        "direct protocol",
        "trivium",
        (*_TRIVIUM, "{module}:app"),
        ("trivium", "uvicorn"),
    ),
    Peer(
        "trivium-asgi",
        "Trivium",
        "uvicorn",
        "trivium",
        (*_UVICORN, "{module}:app"),
        ("trivium", "uvicorn"),
    ),
    Peer("fastapi", "FastAPI", "uvicorn", "fastapi", (*_UVICORN, "{module}:app"), ("fastapi",)),
    Peer(
        "starlette",
        "Starlette",
        "uvicorn",
        "starlette",
        (*_UVICORN, "{module}:app"),
        ("starlette",),
    ),
    Peer(
        "litestar",
        "Litestar",
        "uvicorn",
        "litestar",
        (*_UVICORN, "{module}:app"),
        ("litestar",),
    ),
    Peer(
        "litestar-granian",
        "Litestar",
        "granian",
        "litestar",
        (*_GRANIAN, "{module}:app"),
        ("litestar", "granian"),
    ),
    Peer(
        "blacksheep",
        "BlackSheep",
        "uvicorn",
        "blacksheep",
        (*_UVICORN, "{module}:app"),
        ("blacksheep",),
    ),
    Peer(
        "blacksheep-granian",
        "BlackSheep",
        "granian",
        "blacksheep",
        (*_GRANIAN, "{module}:app"),
        ("blacksheep", "granian"),
    ),
    Peer(
        "falcon",
        "Falcon",
        "uvicorn",
        "falcon",
        (*_UVICORN, "{module}:app"),
        ("falcon",),
        lacks={"def": "its ASGI handlers are coroutines"},
    ),
    Peer(
        "sanic",
        "Sanic",
        "its own",
        "sanic",
        ("{module}.py", "{port}"),
        ("sanic",),
        lacks={"production": _NO_STACK},
    ),
    Peer(
        "robyn",
        "Robyn",
        "its own",
        "robyn",
        ("{module}.py", "{port}", "--log-level", "WARN", "--disable-openapi"),
        ("robyn",),
        lacks={"production": _NO_STACK},
    ),
    Peer(
        "django-bolt",
        "django-bolt",
        "its own",
        "django_bolt",
        ("{module}.py", "{port}"),
        ("django-bolt", "django"),
        lacks={"production": _NO_STACK},
    ),
    Peer(
        "flask",
        "Flask",
        "gunicorn",
        "flask",
        (*_GUNICORN, *_THREADS, "{module}:app"),
        ("flask", "gunicorn"),
        alone=(*_GUNICORN, "{module}:app"),
        lacks={"echo": "no WebSockets", "production": _NO_STACK},
    ),
    Peer(
        "django",
        "Django",
        "gunicorn",
        "django",
        (*_GUNICORN, *_THREADS, "{module}:application"),
        ("django", "gunicorn"),
        alone=(*_GUNICORN, "{module}:application"),
        lacks={"echo": "no WebSockets"},
    ),
    Peer(
        "django-asgi",
        "Django",
        "uvicorn",
        "django",
        (*_UVICORN, "--lifespan", "off", "{module}:asgi"),
        ("django",),
        lacks={"echo": "no WebSockets"},
        environment={"DJANGO_VIEWS": "async"},
    ),
)

BY_NAME = {peer.name: peer for peer in PEERS}
OURS = ("trivium", "trivium-asgi")
