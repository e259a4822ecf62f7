"""How the command finds or makes the app in a module, and what it says when it cannot."""

import pytest

from tests.cli.conftest import Project
from trivium.server.errors import AppFailed, AppNotFound
from trivium.server.loading import load_app

APP = "from trivium import App\n"
FACTORY = APP + "def create_app():\n    return App(title='made')\n"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("app = App(title='app')\nother = App(title='other')", "app"),
        ("api = App(title='api')\nother = App(title='other')", "api"),
        ("app = App(title='app')\napi = App(title='api')", "app"),
        ("flights = App(title='flights')", "flights"),
        ("flights = same = App(title='flights')", "flights"),
        ("def create_app():\n    return App(title='made')", "made"),
        ("def make_app(size=3):\n    return App(title='made')", "made"),
        ("app = App(title='app')\ndef create_app():\n    return App(title='made')", "app"),
    ],
)
def test_a_module_alone_is_searched_for_its_app(project: Project, text: str, title: str) -> None:
    project.write("main.py", APP + text)

    assert load_app(None).title == title


@pytest.mark.parametrize(
    "spec", ["web:site.app", "web:Site.app", "web.py:site.app", "web:create", "web:Site.make"]
)
def test_an_attribute_may_be_anything_that_is_or_makes_an_app(project: Project, spec: str) -> None:
    project.write(
        "web.py",
        APP
        + "class Site:\n"
        + "    app = App(title='it')\n"
        + "    @staticmethod\n"
        + "    def make(): return Site.app\n"
        + "site = Site()\n"
        + "create = lambda: site.app\n",
    )

    assert load_app(spec).title == "it"


def test_factory_says_that_the_function_is_meant(project: Project) -> None:
    project.write("main.py", FACTORY + "app = App(title='app')\n")

    assert load_app("main:create_app", factory=True).title == "made"
    assert load_app(None, factory=True).title == "made"


def test_each_call_of_a_factory_makes_another_app(project: Project) -> None:
    project.write("main.py", FACTORY)

    assert load_app("main:create_app") is not load_app("main:create_app")


def test_an_app_with_fastapis_name_is_one(project: Project) -> None:
    project.write("main.py", "from trivium.fastapi import FastAPI\napp = FastAPI(title='moved')")

    assert load_app(None).title == "moved"


def test_a_file_in_a_package_imports_its_siblings(project: Project) -> None:
    project.write("src/flights/__init__.py", "")
    project.write("src/flights/web.py", APP + "from .names import title\napp = App(title=title)")
    project.write("src/flights/names.py", "title = 'relative'")

    assert load_app("src/flights/web.py").title == "relative"


def test_what_the_app_prints_while_it_is_imported_goes_to_stderr(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write("main.py", "print('hello')\n" + FACTORY.replace("return", "print('x'); return"))

    load_app(None)

    assert capsys.readouterr() == ("", "hello\nx\n")


@pytest.mark.parametrize(
    ("spec", "text", "says"),
    [
        ("nowhere:app", "", r"no module 'nowhere' \(from the command line\)[\s\S]*looked in: "),
        ("main.deep:app", "", "no module 'main.deep'|cannot be imported"),
        ("main:ap", "app = App()", r"has no 'ap'[\s\S]*It has: app"),
        ("main:service", "flights = App()", r"has no 'service'[\s\S]*It has: flights"),
        ("main:app.x.y", "app = App()", r"has no 'app\.x\.y'"),
        ("main", "one = App()\ntwo = App()", r"several apps: one, two[\s\S]*main:one"),
        ("main", "nothing = 1", r"no app in main[\s\S]*looked for: an App named app, api"),
        ("main:nothing", "nothing = 1", r"main:nothing is something of type builtins\.int"),
        ("main:make", "def make(size): ...", r"main:make\(size\)[\s\S]*without arguments"),
        ("main:make", "def make(): ...", r"main:make\(\) returns something of type .*None"),
        ("main:make", "async def make(): ...", "is an async function"),
        ("main:wrap", "class Wrap:\n  app = App()\n  def __call__(self): ...\nwrap = Wrap()",
         "around the app; name the app inside it"),
        ("main", "class Wrap:\n  app = App()\n  def __call__(self): ...\nit = Wrap()",
         r"no app in main[\s\S]*it is something of type main\.Wrap around the app"),
    ],
)  # fmt: skip
def test_without_an_app_the_message_says_what_there_is(
    project: Project, spec: str, text: str, says: str
) -> None:
    project.write("main.py", APP + text)

    with pytest.raises((AppNotFound, AppFailed), match=says):
        load_app(spec)


def test_an_app_of_the_real_fastapi_is_told_how_to_move(project: Project) -> None:
    # A stand-in of that name: this process may have the real package, an alias of it, or neither.
    project.write("main.py", "FastAPI = type('FastAPI', (), {'__module__': 'fastapi.applications'})"
                             "\napp = FastAPI()")  # fmt: skip

    with pytest.raises(AppNotFound, match=r"from trivium\.fastapi import FastAPI"):
        load_app("main:app")
    with pytest.raises(AppNotFound, match=r"from trivium\.fastapi import FastAPI"):
        load_app("main")


def test_factory_with_an_app_says_to_leave_it_out(project: Project) -> None:
    project.write("main.py", APP + "app = App()")

    with pytest.raises(AppNotFound, match="Leave --factory out"):
        load_app("main:app", factory=True)
    with pytest.raises(AppNotFound, match="a function named create_app"):
        load_app("main", factory=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import not_installed_anywhere", "cannot be imported: No module named"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("def (", "cannot be imported: SyntaxError"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("def create_app():\n    return {}['x']", r"create_app\(\) cannot make the app: KeyError"),
    ],
)
def test_an_error_of_the_apps_own_code_is_kept_as_the_cause(
    project: Project, text: str, says: str
) -> None:
    project.write("main.py", text)

    with pytest.raises(AppFailed, match=says) as failed:
        load_app(None)

    assert failed.value.__cause__ is not None
