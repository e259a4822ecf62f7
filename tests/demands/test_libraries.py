"""The libraries that a change of FastAPI's route table broke run on Trivium, unchanged.

They live in a virtual environment of their own, without the real FastAPI, made once and kept in
`.cache`. `python -m trivium.fastapi` runs their programs: that is `trivium.fastapi.install()`.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conformance.environments import (
    create,
    fingerprint,
    is_made,
    packages_of,
    pip,
    python_of,
    stamp,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAMS = HERE / "libraries"
REQUIREMENTS = PROGRAMS / "requirements.txt"
CACHE = ROOT / ".cache" / "libraries"
STARTUP = ROOT / "src" / "trivium" / "fastapi" / "_alias" / "startup"
REAL = "fastapi==0.165.0"
SUITE = "opentelemetry-instrumentation-fastapi==0.66b1"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def environment() -> Path:
    """The virtual environment with the libraries and Trivium."""
    home = CACHE / "environment"
    wanted = fingerprint(REQUIREMENTS.read_text(), (ROOT / "pyproject.toml").read_text())
    if not is_made(home, wanted):
        create(home, "--clear")
        pip(home, "install", "--requirement", str(REQUIREMENTS), "--editable", str(ROOT))
        stamp(home, wanted)
    return home


def run(command: list[str], path: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=PROGRAMS, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def printed_by(environment: Path, program: str) -> Any:
    python = str(python_of(environment))
    output = run([python, "-m", "trivium.fastapi", str(PROGRAMS / program)])
    return json.loads(output.splitlines()[-1])


def test_the_environment_has_no_real_fastapi(environment: Path) -> None:
    assert not (packages_of(environment) / "fastapi").exists()


def test_metrics_of_prometheus_instrumentator_name_full_path_templates(environment: Path) -> None:
    assert printed_by(environment, "metrics.py") == [
        ["/api/v1/items/{item_id}", "GET", "2xx", 2.0],
        ["/api/v1/items/{item_id}", "GET", "4xx", 1.0],
        ["/api/v1/items/{item_id}/parts/{part}", "GET", "2xx", 1.0],
        ["/broken/{number}", "GET", "5xx", 1.0],
        ["/mounted/users/{name}", "GET", "2xx", 1.0],
        ["none", "GET", "4xx", 1.0],
    ]


def test_spans_of_opentelemetry_carry_the_full_http_route(environment: Path) -> None:
    assert printed_by(environment, "tracing.py") == [
        ["GET /api/v1/items/{item_id}", "/api/v1/items/{item_id}", 200, []],
        ["GET /api/v1/items/{item_id}", "/api/v1/items/{item_id}", 422, []],
        ["GET /broken/{number}", "/broken/{number}", 500, ["exception"]],
        ["GET", None, 404, []],
        ["HTTP /api/v1/items/{item_id}/live", "/api/v1/items/{item_id}/live", 200, []],
    ]


def test_rate_limits_of_slowapi_are_enforced_in_included_routers(environment: Path) -> None:
    enforced = {
        "/flat": [200, 200, 429, 429],
        "/outer/inner/by-default/7": [200, 200, 429, 429],
        "/outer/inner/decorated": [200, 429, 429, 429],
        "/outer/inner/exempt": [200, 200, 200, 200],
    }

    assert printed_by(environment, "limiting.py") == {
        "SlowAPIMiddleware": enforced,
        "SlowAPIASGIMiddleware": enforced,
    }


@pytest.fixture(scope="session")
def suite(environment: Path) -> Path:
    """The tests in the source distribution of OpenTelemetry's instrumentation."""
    home = CACHE / "suite"
    if not is_made_from(home, SUITE):
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        pip(
            environment, "download", "--no-deps", "--no-binary", ":all:", "--dest", str(home), SUITE
        )
        (archive,) = home.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(home, filter="data")
        stamp(home, SUITE)
    (tests,) = home.glob("*/tests")
    return tests


@pytest.fixture(scope="session")
def real_fastapi(environment: Path) -> Path:
    """A folder with the real FastAPI alone, to put on the path."""
    home = CACHE / "real"
    if not is_made_from(home, REAL):
        shutil.rmtree(home, ignore_errors=True)
        pip(environment, "install", "--no-deps", "--target", str(home), REAL)
        stamp(home, REAL)
    return home


def is_made_from(home: Path, wanted: str) -> bool:
    mark = home / ".made-from"
    return mark.exists() and mark.read_text() == wanted


def passed(environment: Path, tests: Path, path: Path, report: Path) -> set[str]:
    """The names of the tests that pass with `path` on the path of modules."""
    command = [str(python_of(environment)), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # Neither our configuration nor our conftest: the suite is to run as its authors run it.
    command += ["-c", os.devnull, f"--rootdir={tests.parent}", f"--confcutdir={tests.parent}"]
    done = subprocess.run(
        [*command, str(tests), f"--junitxml={report}"],
        cwd=tests.parent,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {
        f"{case.get('classname')}.{case.get('name')}"
        for case in ElementTree.parse(report).iter("testcase")
        if not any(child.tag in ("failure", "error", "skipped") for child in case)
    }


@pytest.mark.skipif(sys.platform == "win32", reason="the suite itself is for POSIX")
def test_the_suite_of_opentelemetry_passes_where_it_passes_with_fastapi(
    environment: Path, suite: Path, real_fastapi: Path, tmp_path: Path
) -> None:
    with_fastapi = passed(environment, suite, real_fastapi, tmp_path / "real.xml")
    with_trivium = passed(environment, suite, STARTUP, tmp_path / "trivium.xml")

    assert len(with_fastapi) > 90
    assert with_fastapi - with_trivium == set()
