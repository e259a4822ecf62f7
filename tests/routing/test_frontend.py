"""What a frontend serves from its directory, and what it says about the rest."""

import os
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from trivium.errors import DeclarationError, TriviumError
from trivium.routing.frontend import Fallback, Frontend, is_navigation

PAGE = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A built frontend, beside a file that is none of its business."""
    (tmp_path / "secret.txt").write_text("secret")
    directory = tmp_path / "dist"
    for name, text in {
        "index.html": "shell",
        "app.js": "run()",
        "about/index.html": "about us",
        "empty/.keep": "",
    }.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


@pytest.fixture(autouse=True)
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIVIUM_ENV", raising=False)
    monkeypatch.delenv("FASTAPI_ENV", raising=False)


def serve(frontend: Frontend, **options: bool) -> TestClient:
    """The frontend behind HTTP, with Starlette's replies to HTTPException."""

    class Endpoint:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            relative = frontend.relative_path("", scope["path"])
            if relative is None:
                raise HTTPException(404)
            response = await frontend.respond(relative, scope)
            await response(scope, receive, send)

    return TestClient(Starlette(routes=[Route("/{path:path}", Endpoint())]), **options)


def test_a_file_is_served_with_what_caches_need(dist: Path) -> None:
    client = serve(Frontend("/", directory=dist))

    response = client.get("/app.js")
    again = client.get("/app.js", headers={"if-none-match": response.headers["etag"]})

    assert (response.status_code, response.text) == (200, "run()")
    assert "javascript" in response.headers["content-type"]
    assert "last-modified" in response.headers
    assert (again.status_code, again.content) == (304, b"")


def test_a_head_request_gets_the_headers_of_the_file(dist: Path) -> None:
    response = serve(Frontend("/", directory=dist)).head("/app.js")

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "5"


def test_a_range_of_a_file_is_served(dist: Path) -> None:
    response = serve(Frontend("/", directory=dist)).get("/app.js", headers={"range": "bytes=0-2"})

    assert (response.status_code, response.text) == (206, "run")


def test_the_root_and_a_directory_are_answered_with_their_index(dist: Path) -> None:
    client = serve(Frontend("/", directory=dist))

    assert client.get("/").text == "shell"
    assert client.get("/about/").text == "about us"


def test_a_directory_without_its_slash_redirects_to_it_and_keeps_the_query(dist: Path) -> None:
    client = serve(Frontend("/", directory=dist))

    response = client.get("/about?lang=de", follow_redirects=False)

    assert response.status_code == 307
    assert response.headers["location"] == "http://testserver/about/?lang=de"


def test_a_frontend_under_a_path_redirects_its_own_root(dist: Path) -> None:
    client = serve(Frontend("/ui/", directory=dist))

    assert client.get("/ui", follow_redirects=False).headers["location"] == "http://testserver/ui/"
    assert client.get("/ui/app.js").text == "run()"


@pytest.mark.parametrize(
    ("fallback", "pages", "accept", "expected"),
    [
        ("auto", ["index.html"], PAGE["accept"], (200, "shell")),
        ("auto", ["index.html"], "*/*", (404, "Not Found")),
        ("auto", ["index.html", "404.html"], PAGE["accept"], (404, "lost")),
        ("auto", ["404.html"], "*/*", (404, "lost")),
        ("auto", [], PAGE["accept"], (404, "Not Found")),
        ("index.html", ["index.html", "404.html"], PAGE["accept"], (200, "shell")),
        ("index.html", ["index.html"], "application/json", (404, "Not Found")),
        ("404.html", ["404.html", "index.html"], "image/png", (404, "lost")),
        (None, ["index.html", "404.html"], PAGE["accept"], (404, "Not Found")),
    ],
)
def test_what_is_no_file_is_answered_as_fallback_says(
    tmp_path: Path,
    fallback: Fallback,
    pages: list[str],
    accept: str,
    expected: tuple[int, str],
) -> None:
    for page in pages:
        (tmp_path / page).write_text({"index.html": "shell", "404.html": "lost"}[page])
    client = serve(Frontend("/", directory=tmp_path, fallback=fallback))

    response = client.get("/dashboard/settings", headers={"accept": accept})

    assert (response.status_code, response.text) == expected


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        ("text/html", True),
        ("TEXT/HTML", True),
        ("application/xhtml+xml", True),
        ("image/png, text/html;charset=utf-8;q=0.3", True),
        ("text/html; q=nonsense", True),
        ("text/html;q=0", False),
        ("text/html; Q=0.000, */*;q=1", False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
        ("", False),
        (",;,", False),
    ],
)
def test_a_navigation_names_html_and_does_not_refuse_it(accept: str, is_page: bool) -> None:
    assert is_navigation(accept) is is_page


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_another_method_is_not_allowed_on_what_is_there(dist: Path, method: str) -> None:
    client = serve(Frontend("/", directory=dist))

    for path in ("/", "/app.js", "/about", "/about/"):
        response = client.request(method, path, follow_redirects=False)
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/dashboard", "/empty/", "/about/missing"])
def test_another_method_finds_nothing_where_only_the_fallback_would_answer(
    dist: Path, path: str
) -> None:
    response = serve(Frontend("/", directory=dist, fallback="index.html")).post(path, headers=PAGE)

    assert response.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "a/../../secret.txt",
        "/etc/passwd",
        "\\..\\secret.txt",
        "..\\secret.txt",
        "a\x00b",
        "x" * 5000,
        "\ud800",
        "link.txt",
    ],
)
async def test_no_path_leads_out_of_the_directory_or_breaks_the_server(
    dist: Path, path: str
) -> None:
    (dist / "link.txt").symlink_to(dist.parent / "secret.txt")
    frontend = Frontend("/", directory=dist, fallback=None)
    scope = Request({"type": "http", "method": "GET", "path": "/x", "headers": []}).scope

    with pytest.raises(HTTPException) as refused:
        await frontend.respond(path, scope)

    assert refused.value.status_code == 404


async def test_a_file_that_may_not_be_read_is_a_401(
    dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontend = Frontend("/", directory=dist)

    def forbid(path: str) -> tuple[str, os.stat_result | None]:
        raise PermissionError(path)

    monkeypatch.setattr(frontend.app, "lookup_path", forbid)

    with pytest.raises(HTTPException) as refused:
        await frontend.respond("app.js", {"type": "http", "method": "GET", "headers": []})

    assert refused.value.status_code == 401


async def test_a_failing_disk_is_an_error_and_not_a_404(
    dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontend = Frontend("/", directory=dist)

    def fail(path: str) -> tuple[str, os.stat_result | None]:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(frontend.app, "lookup_path", fail)

    with pytest.raises(OSError, match="input/output error"):
        await frontend.respond("app.js", {"type": "http", "method": "GET", "headers": []})


@pytest.mark.parametrize(
    ("path", "prefix", "asked", "relative"),
    [
        ("/", "", "/a/b", "a/b"),
        ("/", "", "/", ""),
        ("/", "/api", "/api/a", "a"),
        ("/", "/api", "/api", ""),
        ("/ui", "", "/ui", ""),
        ("/ui/", "", "/ui/a", "a"),
        ("/ui", "/x/y", "/x/y/ui/a", "a"),
        ("/ui", "", "/uid", None),
        ("/ui", "", "/", None),
        ("/ui", "/x", "/ui/a", None),
    ],
)
def test_a_frontend_claims_its_path_and_what_is_below(
    dist: Path, path: str, prefix: str, asked: str, relative: str | None
) -> None:
    assert Frontend(path, directory=dist).relative_path(prefix, asked) == relative


def test_the_narrower_of_two_frontends_is_the_more_specific(dist: Path) -> None:
    site, admin = Frontend("/", directory=dist), Frontend("/admin", directory=dist)

    assert site.specificity("") == 0
    assert admin.specificity("") > site.specificity("")
    assert admin.specificity("/x") > site.specificity("/x") > site.specificity("")


@pytest.mark.parametrize("path", ["", "app"])
def test_a_path_without_its_slash_is_a_mistake_in_the_declaration(dist: Path, path: str) -> None:
    with pytest.raises(DeclarationError, match="instead:") as mistake:
        Frontend(path, directory=dist)

    assert f"app.frontend('/{path}', ...)" in str(mistake.value)


def test_an_unknown_fallback_is_a_mistake_in_the_declaration(dist: Path) -> None:
    with pytest.raises(DeclarationError, match=r"'auto', 'index\.html', '404\.html' or None"):
        Frontend("/", directory=dist, fallback="home.html")  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("check_dir", [True, "auto"])
def test_a_missing_directory_is_found_at_once(
    tmp_path: Path, check_dir: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DeclarationError, match="'missing' does not exist") as mistake:
        Frontend("/", directory="missing", check_dir=check_dir)

    assert str(tmp_path / "missing") in str(mistake.value)


@pytest.mark.parametrize("fallback", ["index.html", "404.html"])
def test_a_missing_fallback_that_was_named_is_found_at_once(
    tmp_path: Path, fallback: Fallback
) -> None:
    with pytest.raises(DeclarationError, match=f"'{fallback}' does not exist in directory"):
        Frontend("/", directory=tmp_path, fallback=fallback)


async def test_unchecked_a_missing_directory_is_an_error_when_it_is_asked_for(
    tmp_path: Path,
) -> None:
    frontend = Frontend("/", directory=tmp_path / "later", check_dir=False)
    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}

    with pytest.raises(TriviumError, match="does not exist"):
        await frontend.respond("", scope)
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "index.html").write_text("built")

    assert (await frontend.respond("", scope)).status_code == 200


async def test_unchecked_a_missing_fallback_is_an_error_when_it_is_asked_for(
    tmp_path: Path,
) -> None:
    frontend = Frontend("/", directory=tmp_path, fallback="404.html", check_dir=False)

    with pytest.raises(TriviumError, match=r"'404\.html' does not exist"):
        await frontend.respond("x", {"type": "http", "method": "GET", "path": "/x", "headers": []})


@pytest.mark.parametrize("variable", ["TRIVIUM_ENV", "FASTAPI_ENV"])
def test_in_development_a_missing_directory_is_a_warning_at_the_line_that_declares_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "development")

    with pytest.warns(UserWarning, match="does not exist") as warnings:
        Frontend("/", directory=tmp_path / "missing")

    assert warnings[0].filename == __file__
    with pytest.raises(DeclarationError, match="does not exist"):
        Frontend("/", directory=tmp_path / "missing", check_dir=True)
