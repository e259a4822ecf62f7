"""The server's settings: where they come from, and what is said of those that cannot be meant."""

from pathlib import Path
from typing import Any, get_type_hints

import pytest

from trivium.cli.arguments import spelled
from trivium.server.errors import WrongSetting
from trivium.server.settings import SETTINGS, ServerOptions, ServerSettings, settings_from


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_anything_the_defaults_are_safe() -> None:
    settings = settings_from({})

    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert not settings.proxy_headers
    assert not settings.needs_supervisor


def test_the_keywords_of_run_are_the_settings() -> None:
    assert set(get_type_hints(ServerOptions)) == set(SETTINGS)


def test_what_was_passed_comes_first_then_the_environment_then_the_project(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (somewhere / "pyproject.toml").write_text(
        "[tool.trivium]\nentrypoint = 'main:app'\nport = 1\nthreads = 2\ngraceful-timeout = 3"
    )
    monkeypatch.setenv("TRIVIUM_PORT", "10")
    monkeypatch.setenv("TRIVIUM_THREADS", "20")

    settings = settings_from({"port": "100"})

    assert (settings.port, settings.threads, settings.graceful_timeout) == (100, 20, 3.0)


def test_a_commands_own_default_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIVIUM_GRACEFUL_TIMEOUT", "7")

    settings = settings_from({}, defaults={"graceful_timeout": 1.0, "reload": True})

    assert (settings.graceful_timeout, settings.reload) == (7.0, True)


def test_a_file_with_variables_fills_the_environment_and_does_not_override_it(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (somewhere / "vars").write_text("TRIVIUM_PORT=1\nTRIVIUM_THREADS=2\n")
    monkeypatch.setenv("TRIVIUM_PORT", "10")
    # Set and removed, so that what the file sets is taken away again after the test.
    monkeypatch.setenv("TRIVIUM_THREADS", "")
    monkeypatch.delenv("TRIVIUM_THREADS")

    settings = settings_from({"env_file": "vars"})

    assert (settings.port, settings.threads) == (10, 2)


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({"root_path": "api/"}, "root_path", "/api"),
        ({"root_path": "/"}, "root_path", ""),
        ({"max_worker_memory": "512MB"}, "max_worker_memory", 512_000_000),
        ({"max_worker_memory": "1GiB"}, "max_worker_memory", 2**30),
        ({"forwarded_allow_ips": "10.0.0.1, 10.1.0.0/16"}, "proxy_headers", True),
        ({"forwarded_allow_ips": "*", "proxy_headers": False}, "proxy_headers", False),
        ({"forwarded_allow_ips": "a, b"}, "forwarded_allow_ips", ["a", "b"]),
        ({"access_log": "off"}, "access_log", False),
    ],
)
def test_values_are_read_as_they_are_meant(given: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(settings_from(given), name) == value


def test_a_wrong_value_is_told_with_the_place_where_it_was_given(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (somewhere / "pyproject.toml").write_text("[tool.trivium]\nbacklog = 'much'")
    (somewhere / "vars").write_text("TRIVIUM_LOG_LEVEL=loud\n")
    monkeypatch.setenv("TRIVIUM_WORKERS", "0")
    monkeypatch.setenv("TRIVIUM_LOG_LEVEL", "")
    monkeypatch.delenv("TRIVIUM_LOG_LEVEL")

    with pytest.raises(WrongSetting) as told:
        settings_from({"port": "eighty", "env_file": "vars"}, spelled=spelled())

    said = str(told.value)
    assert "--port 'eighty': input should be a valid integer" in said
    assert "TRIVIUM_WORKERS in the environment '0'" in said
    assert "TRIVIUM_LOG_LEVEL in vars 'loud': input should be 'critical', 'error'" in said
    assert f"backlog of [tool.trivium] in {somewhere / 'pyproject.toml'} 'much'" in said


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"prot": 80}, "There is no setting 'prot'. Did you mean 'port'?"),
        ({"port": 65536}, "port= 65536: input should be less than or equal to 65535"),
        ({"uds": "a", "fd": 3}, "uds and fd exclude each other"),
        ({"reload": True, "workers": 2}, "reload and workers exclude each other"),
        ({"ssl_keyfile": __file__}, "need ssl_certfile"),
        ({"ssl_certfile": "nowhere.pem"}, "there is no file nowhere.pem"),
        ({"env_file": "nowhere"}, "there is no file nowhere"),
        ({"host": " "}, "host= ' ': string should have at least 1 character"),
        ({"worker_timeout": 1}, "worker_timeout= 1: input should be greater than or equal to 2"),
        ({"recycle_jitter": 2}, "less than or equal to 1"),
        ({"max_worker_memory": "much"}, "max_worker_memory= 'much'"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(WrongSetting, match=r"[\s\S]*") as told:
        settings_from(given)

    assert says in str(told.value)


def test_a_misspelled_setting_of_the_project_is_refused(somewhere: Path) -> None:
    (somewhere / "pyproject.toml").write_text("[tool.trivium]\nwokers = 2\nmodels = 'flights'")

    with pytest.raises(WrongSetting, match=r"no setting 'wokers'.*Did you mean 'workers'"):
        settings_from({})


def test_a_project_file_that_cannot_be_read_is_named(somewhere: Path) -> None:
    (somewhere / "pyproject.toml").write_text("[tool.trivium")

    with pytest.raises(WrongSetting, match=r"pyproject\.toml cannot be read"):
        settings_from({})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tool.trivium = 'x'", "tool.trivium in .* is 'x', which is no table"),
        (
            "[tool.trivium]\nenv-file = 3",
            "env_file of .tool.trivium. in .* 3: input should be a path",
        ),
    ],
)
def test_a_project_file_that_says_something_else_is_told(
    somewhere: Path, text: str, says: str
) -> None:
    (somewhere / "pyproject.toml").write_text(text)

    with pytest.raises(WrongSetting, match=says):
        settings_from({})


def test_a_file_with_variables_that_is_no_text_is_named(somewhere: Path) -> None:
    (somewhere / "vars").write_bytes(b"A=\xff\xfe")

    with pytest.raises(WrongSetting, match="--env-file: vars cannot be read"):
        settings_from({"env_file": "vars"}, spelled=spelled())


@pytest.mark.parametrize(
    ("project", "environment", "is_believed"),
    [
        ("forwarded-allow-ips = '10.0.0.1'", {}, True),
        ("", {"TRIVIUM_FORWARDED_ALLOW_IPS": "10.0.0.1"}, True),
        ("proxy-headers = false", {"TRIVIUM_FORWARDED_ALLOW_IPS": "10.0.0.1"}, True),
        ("forwarded-allow-ips = '10.0.0.1'", {"TRIVIUM_PROXY_HEADERS": "0"}, False),
    ],
)
def test_proxies_are_believed_wherever_they_are_named(
    somewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    project: str,
    environment: dict[str, str],
    is_believed: bool,
) -> None:
    (somewhere / "pyproject.toml").write_text(f"[tool.trivium]\n{project}")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert settings_from({}).proxy_headers is is_believed


def test_a_password_is_never_told(somewhere: Path) -> None:
    (somewhere / "cert").touch()
    settings = settings_from({"ssl_certfile": "cert", "ssl_keyfile_password": "hunter2"})

    assert "hunter2" not in repr(settings)
    assert settings.jsonable()["ssl_keyfile_password"] == "hunter2"


def test_workers_get_the_settings_that_were_read(somewhere: Path) -> None:
    (somewhere / "cert").touch()
    settings = settings_from(
        {
            "ssl_certfile": "cert",
            "ssl_keyfile_password": "x",
            "max_worker_memory": "1MB",
            "forwarded_allow_ips": "a,b",
            "uds": "app.sock",
        }
    )

    assert ServerSettings.validated(settings.jsonable()) == settings
