"""Who the client is behind proxies, and who only says so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stages.conftest import Entrance, by_socket
from trivium import App, Request
from trivium.errors import DeclarationError
from trivium.exchange import Exchange
from trivium.stages.proxies import Hop, TrustedProxies, forwarded_hops
from trivium.stages.stage import Stage
from trivium.testing import TestClient


class Seen(Stage):
    """What a stage inside sees, without the scope."""

    def enter(self, ex: Exchange) -> None:
        ex.notes["seen"] = (ex.client, ex.scheme)


def make_app(*proxies: str, **options: Any) -> App:
    app = App()
    app.add_stage(TrustedProxies(proxies, **options), Seen())

    @app.get("/who")
    async def who(request: Request) -> list[Any]:
        client = request.client
        return [client and client.host, request.url.scheme, request.headers["host"]]

    return app


def ask(app: App, headers: dict[str, str], peer: str = "10.0.0.9") -> list[Any]:
    client = TestClient(app, client=(peer, 4000), headers={"host": "example.com"})
    found: list[Any] = client.get("/who", headers=headers).json()
    return found


FROM_AFAR = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}


def test_a_trusted_proxy_is_believed_at_both_entrances(entrance: Entrance) -> None:
    with entrance(make_app("127.0.0.0/8")) as client:
        assert client.get("/who", headers=FROM_AFAR).json() == [
            "203.0.113.7",
            "https",
            "example.com",
        ]


def test_nobody_else_is_believed_at_either_entrance(entrance: Entrance) -> None:
    with entrance(make_app("10.0.0.0/8")) as client:
        assert client.get("/who", headers=FROM_AFAR).json() == ["127.0.0.1", "http", "example.com"]


@pytest.mark.slow
def test_the_trust_of_uvicorn_in_its_own_machine_does_not_count() -> None:
    with by_socket(make_app(), proxy_headers=True, forwarded_allow_ips="*") as client:
        assert client.get("/who", headers=FROM_AFAR).json() == ["127.0.0.1", "http", "example.com"]


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        # what stands left of the first stranger may be the stranger's invention
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("127.0.0.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.2", "::ffff:10.0.0.2"),
        # no addresses: the nearest that is one, or the proxy itself
        ("evil, 10.0.0.2", "10.0.0.2"),
        ("<script>", "10.0.0.9"),
        ("", "10.0.0.9"),
        (",,", "10.0.0.9"),
    ],
)
def test_the_client_is_the_nearest_that_is_no_trusted_proxy(chain: str, client: str) -> None:
    assert ask(make_app("10.0.0.0/8"), {"x-forwarded-for": chain})[0] == client


@pytest.mark.parametrize(
    ("schemes", "scheme"),
    [
        ("https", "https"),
        ("http, https", "https"),
        ("https, http", "http"),
        ("gopher", "http"),
        ("HTTPS", "https"),
        ("", "http"),
    ],
)
def test_the_scheme_is_what_the_same_proxy_says(schemes: str, scheme: str) -> None:
    headers = {"x-forwarded-for": "198.51.100.1, 203.0.113.7", "x-forwarded-proto": schemes}

    assert ask(make_app("10.0.0.0/8"), headers)[1] == scheme


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        ("for=203.0.113.7;proto=https;host=api.example", ["203.0.113.7", "https", "api.example"]),
        ('For="[2001:db8::1]:4711"', ["2001:db8::1", "http", "example.com"]),
        (
            "for=198.51.100.1;proto=https, for=203.0.113.7, for=10.0.0.2",
            ["203.0.113.7", "http", "example.com"],
        ),
        ("for=_hidden;proto=https", ["_hidden", "https", "example.com"]),
        ("for=unknown", ["unknown", "http", "example.com"]),
        ("for=203.0.113.7;for=10.0.0.2", ["10.0.0.9", "http", "example.com"]),
        ("nonsense", ["10.0.0.9", "http", "example.com"]),
        ("for=nobody;proto=https", ["10.0.0.9", "http", "example.com"]),
        ("for=203.0.113.7:80;", ["203.0.113.7", "http", "example.com"]),
        ("for=203.0.113.7, ,", ["203.0.113.7", "http", "example.com"]),
    ],
)
def test_forwarded_is_read_where_it_was_asked_for(forwarded: str, seen: list[str]) -> None:
    app = make_app("10.0.0.0/8", header="forwarded", host=True)

    assert ask(app, {"forwarded": forwarded}) == seen


@pytest.mark.parametrize(
    ("invented", "added"),
    [
        ('for="203.0.113.1', "for=203.0.113.7"),
        ('for="x', 'for="[2001:db8::1]"'),
        ('for="x', 'for="[2001:db8::1]";by="'),
        ('for=203.0.113.1, x="', 'for="[2001:db8::1]"'),
    ],
)
def test_a_quote_that_a_client_never_closes_makes_no_client(invented: str, added: str) -> None:
    app = make_app("10.0.0.0/8", header="forwarded")

    assert ask(app, {"forwarded": f"{invented}, {added}"})[0] == "10.0.0.9"


def test_a_quote_that_a_client_never_closes_ends_with_its_line(entrance: Entrance) -> None:
    lines = [("forwarded", 'for="203.0.113.1'), ("forwarded", "for=203.0.113.7")]

    with entrance(make_app("127.0.0.0/8", header="forwarded")) as client:
        assert client.get("/who", headers=lines).json()[0] == "203.0.113.7"


def test_the_header_that_was_not_asked_for_is_not_read() -> None:
    forged = {"forwarded": "for=203.0.113.1", **FROM_AFAR}

    assert ask(make_app("10.0.0.0/8"), forged)[0] == "203.0.113.7"
    assert ask(make_app("10.0.0.0/8", header="forwarded"), forged)[0] == "203.0.113.1"


def test_the_host_is_replaced_only_where_that_was_asked_for() -> None:
    headers = {**FROM_AFAR, "x-forwarded-host": "api.example"}

    assert ask(make_app("10.0.0.0/8"), headers)[2] == "example.com"
    assert ask(make_app("10.0.0.0/8", host=True), headers)[2] == "api.example"


def test_elements_are_read_with_their_quotes() -> None:
    header = r'for="\"a,b;c\"";proto=http , for="[::1]:80";host="x"'

    assert list(forwarded_hops(header)) == [
        Hop('"a,b;c"', 0, "http"),
        Hop("::1", 80, None, "x"),
    ]


@pytest.mark.parametrize("network", ["10.0.0.0/99", "proxy.example", "", "10.0.0.1/8"])
def test_what_is_not_a_network_is_refused(network: str) -> None:
    with pytest.raises(DeclarationError, match="Not a network"):
        TrustedProxies([network])
