"""Any ASGI application can be served: how it is found, and what is refused."""

import pytest

from tests.cli.conftest import Project
from trivium.server.errors import AppNotFound
from trivium.server.loading import load_served

STARLETTE = "from starlette.applications import Starlette\n"
CALLABLE = "async def app(scope, receive, send): ...\n"


@pytest.mark.parametrize(
    ("spec", "text", "name", "is_factory"),
    [
        (None, "from trivium import App\napp = App()", "main:app", False),
        (None, STARLETTE + "site = Starlette()", "main:site", False),
        (None, CALLABLE, "main:app", False),
        (None, CALLABLE.replace("app", "api"), "main:api", False),
        ("main:other", CALLABLE.replace("app", "other"), "main:other", False),
        (
            "main:it",
            "class It:\n    async def __call__(self, scope, receive, send): ...\nit = It()",
            "main:it",
            False,
        ),
        (None, STARLETTE + "def create_app(): return Starlette()", "main:create_app", True),
        ("main:make", CALLABLE + "def make(): return app", "main:make", True),
    ],
)
def test_an_application_of_any_framework_is_found(
    project: Project, spec: str | None, text: str, name: str, is_factory: bool
) -> None:
    project.write("main.py", text)

    served = load_served(spec)

    assert (served.name, served.is_factory) == (name, is_factory)
    assert served.directory == project.root


def test_an_app_of_trivium_comes_before_others(project: Project) -> None:
    project.write("main.py", "from trivium import App\nsite = App()\n" + CALLABLE)

    assert load_served(None).name == "main:site"


@pytest.mark.parametrize(
    ("spec", "text", "says"),
    [
        ("main:app", "def app(environ, start_response): ...", "as a WSGI application does"),
        ("main:app", "app = 3", "is something of type builtins.int"),
        ("main:make", "def make(): return 3", r"make\(\) returns something of type builtins.int"),
        ("main:It", "class It:\n    def __init__(self, a): ...", "without arguments"),
        (None, "x = 1", "There is no app in main"),
    ],
)
def test_what_is_no_asgi_application_is_refused(
    project: Project, spec: str | None, text: str, says: str
) -> None:
    project.write("main.py", text)

    with pytest.raises(AppNotFound, match=says):
        load_served(spec)


def test_factory_with_an_application_says_to_leave_it_out(project: Project) -> None:
    project.write("main.py", STARLETTE + "app = Starlette()")

    with pytest.raises(AppNotFound, match="Leave --factory out"):
        load_served("main:app", factory=True)
