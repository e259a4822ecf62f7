"""What `trivium.testing` exports, and when it asks for an HTTP client library."""

import subprocess
import sys

import pytest

import trivium.testing


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    ).stdout


def test_every_name_it_promises_is_there() -> None:
    for name in trivium.testing.__all__:
        assert getattr(trivium.testing, name).__name__ == name

    assert set(trivium.testing.__all__) <= set(dir(trivium.testing))


def test_a_name_it_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        _ = trivium.testing.Clinet  # type: ignore[attr-defined]  # the point


def test_importing_it_does_not_import_an_http_client() -> None:
    out = run("import sys, trivium.testing; print('httpx2' in sys.modules, 'httpx' in sys.modules)")

    assert out == "False False\n"


def test_without_an_http_client_library_it_says_what_to_install() -> None:
    out = run(
        "import sys\n"
        "sys.modules['httpx2'] = sys.modules['httpx'] = None\n"
        "import trivium.testing\n"
        "try:\n"
        "    trivium.testing.AsyncTestClient\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error)\n"
    )

    assert "pip install httpx2" in out
