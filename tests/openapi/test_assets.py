"""The files of the documentation pages: where they come from, and how browsers keep them."""

from __future__ import annotations

import gzip
import hashlib
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

import trivium.openapi.assets as assets
from trivium.openapi.assets import REDOC, SWAGGER_UI, SWAGGER_UI_STYLE, Asset
from trivium.testing import TestClient

FOLDER = Path(assets.__file__).parent
ROW = re.compile(r"^\| `(?P<file>[^`]+)` \| .* \| `(?P<sha256>[0-9a-f]{64})` \|$", re.MULTILINE)
ROWS = ROW.findall((FOLDER / "README.md").read_text("utf-8"))


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=[Route("/file", SWAGGER_UI_STYLE.respond)]))


@pytest.mark.parametrize(("file", "sha256"), ROWS)
def test_a_file_of_others_is_the_one_that_the_readme_names(file: str, sha256: str) -> None:
    assert hashlib.sha256((FOLDER / file).read_bytes()).hexdigest() == sha256


@pytest.mark.parametrize("project", ["swagger-ui", "redoc"])
def test_every_script_and_style_of_others_stands_in_the_readme_and_has_a_licence(
    project: str,
) -> None:
    listed = {file for file, _ in ROWS if file.startswith(f"{project}/")}

    present = {f"{project}/{path.name}" for path in (FOLDER / project).glob("*.[cj]s*")}

    assert {name for name in present if not name.endswith(".txt")} == listed
    assert (FOLDER / project / "LICENSE").read_text("utf-8")


def test_the_package_stays_small() -> None:
    """In kilobytes, compressed as a wheel compresses: what the pages need and no more."""
    files = [path for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".pyc"]

    compressed = sum(len(gzip.compress(path.read_bytes())) for path in files)

    assert compressed < 900 * 1024


def test_no_script_sends_browsers_to_redocs_maker_for_a_logo() -> None:
    assert b"cdn.redoc.ly" not in REDOC.content


def test_a_file_is_served_whole_with_its_type(client: TestClient) -> None:
    reply = client.get("/file", headers={"accept-encoding": "identity"})

    assert reply.content == (FOLDER / "swagger-ui" / "swagger-ui.css").read_bytes()
    assert reply.headers["content-type"] == "text/css; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*", "GZIP"])
def test_a_client_that_takes_gzip_gets_the_same_file_smaller(
    client: TestClient, accepted: str
) -> None:
    reply = client.get("/file", headers={"accept-encoding": accepted})

    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["vary"] == "accept-encoding"
    assert reply.content == SWAGGER_UI_STYLE.content
    assert int(reply.headers["content-length"]) < len(SWAGGER_UI_STYLE.content) / 4


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.000", "identity"])
def test_a_client_that_refuses_gzip_gets_the_plain_file(client: TestClient, accepted: str) -> None:
    reply = client.get("/file", headers={"accept-encoding": accepted})

    assert "content-encoding" not in reply.headers


def test_an_address_with_the_version_may_be_kept_for_a_year(client: TestClient) -> None:
    reply = client.get("/file", params={"v": SWAGGER_UI_STYLE.version})

    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=", "?v=another"])
def test_an_address_without_the_version_is_asked_about_again(
    client: TestClient, query: str
) -> None:
    assert client.get(f"/file{query}").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("form", ["{tag}", '"other", {tag}', "*", '{tag}, W/"x"'])
def test_a_client_that_has_the_file_is_not_sent_it_again(client: TestClient, form: str) -> None:
    tag = client.get("/file").headers["etag"]

    reply = client.get("/file", headers={"if-none-match": form.format(tag=tag)})

    assert reply.status_code == 304
    assert reply.content == b""
    assert reply.headers["etag"] == tag


def test_a_client_that_has_another_version_is_sent_the_file(client: TestClient) -> None:
    assert client.get("/file", headers={"if-none-match": 'W/"0"'}).status_code == 200


def test_versions_differ_where_the_content_does() -> None:
    versions = {asset.version for asset in vars(assets).values() if isinstance(asset, Asset)}

    assert len(versions) == len([a for a in vars(assets).values() if isinstance(a, Asset)])
    assert SWAGGER_UI.version in versions
