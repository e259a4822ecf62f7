"""All that production needs, at once."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from tests.stages.conftest import Entrance
from tests.stages.observed import Observed
from trivium import App
from trivium.errors import DeclarationError
from trivium.fastapi import FastAPI
from trivium.responding import Response
from trivium.stages.access_log import Access
from trivium.stages.body_limit import BodyLimit
from trivium.stages.compression import Compression
from trivium.stages.etag import ETag
from trivium.stages.production import ProductionOptions, ProductionSettings
from trivium.testing import TestClient

HOSTS = ["example.com"]


def make_app(app: App | None = None, **options: Any) -> App:
    app = App() if app is None else app
    options.setdefault("allowed_hosts", HOSTS)
    options.setdefault("access_log", False)
    app.production(**options)

    @app.get("/text")
    async def text() -> str:
        return "hello " * 500

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("broken")

    @app.post("/text")
    async def change(text: str) -> str:
        return text

    return app


def names(app: App) -> list[str]:
    return [type(stage).__name__ for stage in app.stages]


def test_the_sensible_set_is_on_and_nothing_that_has_to_be_asked_for() -> None:
    assert names(make_app(access_log=True)) == [
        "RequestId",
        "TrustedProxies",
        "AccessLog",
        "SecurityHeaders",
        "Health",
        "Metrics",
        "TrustedHosts",
        "CORS",
        "Compression",
        "ETag",
        "BodyLimit",
        "Deadline",
    ]


def test_what_is_asked_for_is_added_and_what_is_not_wanted_left_out() -> None:
    app = make_app(
        rate_limit="100/minute",
        cancel_on_disconnect=True,
        security_headers=False,
        health=False,
        metrics=False,
        compression=False,
        etag=False,
        request_timeout=None,
    )

    assert names(app) == [
        "RequestId",
        "TrustedProxies",
        "TrustedHosts",
        "CORS",
        "RateLimit",
        "BodyLimit",
        "CancelOnDisconnect",
    ]


def test_all_of_it_works_together(entrance: Entrance) -> None:
    seen: list[Access] = []
    app = make_app(
        access_log=True,
        access_log_sink=seen.extend,
        cors_origins=["https://page.example"],
        rate_limit="100/minute",
        max_body_size=100,
    )
    with entrance(app) as client:
        headers = {"accept-encoding": "gzip", "origin": "https://page.example"}
        first = client.get("/text", headers=headers)
        again = client.get("/text", headers={**headers, "if-none-match": first.headers["etag"]})
        others = [
            client.get("/broken", headers=headers),
            client.post("/text", content=b"x" * 101, headers=headers),
            client.put("/text", headers=headers),
            client.get("/text", headers={**headers, "host": "evil.org"}),
        ]
        metrics = client.get("/metrics")

    assert first.text == '"' + "hello " * 500 + '"'
    assert first.headers["content-encoding"] == "gzip"
    assert again.status_code == 304
    assert [reply.status_code for reply in others] == [500, 413, 405, 400]
    for reply in (first, again, *others):
        assert reply.headers["x-request-id"]
        assert reply.headers["x-content-type-options"] == "nosniff"
    for reply in (first, again, *others[:3]):
        assert reply.headers["access-control-allow-origin"] == "https://page.example"
    assert 'route="/text",status="200"} 1.0' in metrics.text


def test_a_program_that_uses_no_more_than_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRIVIUM_ALLOWED_HOSTS", "a.example, *.b.example")
    monkeypatch.setenv("TRIVIUM_TRUSTED_PROXIES", "10.0.0.0/8")
    monkeypatch.setenv("TRIVIUM_HSTS", "60")
    monkeypatch.setenv("TRIVIUM_ETAG", "no")
    monkeypatch.setenv("TRIVIUM_METRICS_TOKEN", "secret")

    settings = App().production(hsts=120)

    assert settings.allowed_hosts == ("a.example", "*.b.example")
    assert settings.trusted_proxies == ("10.0.0.0/8",)
    assert (settings.hsts, settings.etag) == (120, False)
    assert "secret" not in repr(settings)


def test_hosts_cannot_be_guessed() -> None:
    with pytest.raises(DeclarationError, match="TRIVIUM_ALLOWED_HOSTS"):
        App().production()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"allowed_hosts": []}, "allowed_hosts"),
        ({"allowed_hosts": ["https://example.com"]}, "Not the name of a host"),
        ({"max_body_size": -1}, "max_body_size"),
        ({"request_timeout": 0}, "request_timeout"),
        ({"proxy_header": "via"}, "proxy_header"),
        ({"trusted_proxies": ["proxy"]}, "Not a network"),
        ({"rate_limit": "many"}, "Not a limit"),
        ({"cors_origins": ["*"], "cors_credentials": True}, "act as the user"),
        ({"cors_origin_regex": "("}, "Not a regular expression"),
        ({"cors_headers": ["X-Token, X-Other"]}, "Neither a method nor"),
        ({"cors_methods": ["GET\r\nx: y"]}, "Neither a method nor"),
        ({"metrics_token": " "}, "Everybody has this token"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        App().production(**{"allowed_hosts": HOSTS, **options})


def test_what_was_refused_can_be_said_again() -> None:
    app = App()
    with pytest.raises(DeclarationError, match="Not a limit"):
        app.production(allowed_hosts=HOSTS, rate_limit="many")

    assert app.stages == ()
    app.production(allowed_hosts=HOSTS, rate_limit="9/minute")


def test_an_unknown_option_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match="allowed_hosts"):
        App().production(allowed_host=["example.com"])  # type: ignore[call-arg]  # the mistake


def test_it_is_switched_on_once() -> None:
    app = make_app()

    with pytest.raises(DeclarationError, match="already"):
        app.production(allowed_hosts=HOSTS)


def test_a_stage_that_was_added_before_stays_as_it_is() -> None:
    app = App()

    class OwnTag(ETag):
        pass

    own, tag = Compression(minimum=1), OwnTag()
    app.add_stage(own, tag)

    app.production(allowed_hosts=HOSTS)

    assert [stage for stage in app.stages if isinstance(stage, Compression | ETag)] == [own, tag]


def test_options_and_settings_have_the_same_names() -> None:
    assert set(ProductionOptions.__annotations__) == set(ProductionSettings.model_fields)


@pytest.mark.parametrize("kind", [App, FastAPI])
def test_the_documentation_works(kind: type[App]) -> None:
    client = TestClient(make_app(kind()), headers={"host": "example.com"})

    policy = client.get("/docs").headers["content-security-policy"]

    # FastAPI's pages load their scripts from elsewhere, which only a loose policy allows
    assert ("script-src 'self'" in policy) is (kind is App)
    assert "frame-ancestors" in policy


def test_explain_shows_the_stages() -> None:
    around = make_app().explain("GET", "/text")["around"]

    assert around[0] == "request id (x-request-id)"
    assert "hosts: example.com" in around
    assert around[-1] == "replies to errors (500)"


def test_what_opentelemetry_is_told_is_the_same(entrance: Entrance) -> None:
    observed = Observed()
    app = make_app(App(telemetry=observed.config))
    try:
        with entrance(app) as client:
            assert client.get("/text").status_code == 200
            assert client.get("/broken").status_code == 500
        spans = observed.spans
    finally:
        observed.close()

    assert spans["GET /text"].kind is SpanKind.SERVER
    assert spans["GET /text"].attributes["http.route"] == "/text"
    assert spans["GET /broken"].attributes["http.response.status_code"] == 500


def ids(app: App) -> set[str]:
    return {check.id for check in app.checks(deploy=True)} - {"core.docs"}


def test_a_check_before_deployment_says_what_is_missing() -> None:
    class OwnLimit(BodyLimit):
        pass

    app = App()
    app.add_stage(ETag())
    limited = App()
    limited.add_stage(OwnLimit())

    assert ids(app) - ids(limited) == {"stages.no_body_limit"}
    assert ids(app) == {
        "stages.no_trusted_hosts",
        "stages.no_security_headers",
        "stages.no_body_limit",
        "stages.no_deadline",
    }


def test_a_check_before_deployment_says_what_is_too_open() -> None:
    app = make_app(allowed_hosts=["*"], cors_origins=["*"], rate_limit="9/minute")

    assert ids(app) == {
        "stages.any_host",
        "stages.any_origin",
        "stages.no_proxy",
        "stages.rate_in_memory",
    }


def test_a_check_before_deployment_finds_trust_in_everybody() -> None:
    app = make_app(
        trusted_proxies=["0.0.0.0/0"], cors_origin_regex="https://.*", cors_credentials=True
    )

    assert ids(app) == {"stages.any_proxy", "stages.any_origin_with_credentials"}


def test_a_check_before_deployment_finds_nothing_where_all_is_said() -> None:
    app = make_app(trusted_proxies=["10.0.0.0/8"])

    assert ids(app) == set()
    assert {check.id for check in make_app().checks()} == set()


def test_a_reply_without_any_header_of_its_own_passes(entrance: Entrance) -> None:
    app = make_app()

    @app.delete("/thing")
    async def delete() -> Response:
        return Response(status_code=204)

    with entrance(app) as client:
        replies = [client.delete("/thing") for _ in range(4)]

    assert [reply.status_code for reply in replies] == [204] * 4
    assert {reply.headers["x-content-type-options"] for reply in replies} == {"nosniff"}
