"""Where a server listens, and what is said where it cannot."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from trivium.server.errors import CannotListen, WrongSetting
from trivium.server.settings import ServerSettings
from trivium.server.sockets import address_of, bound, check_tls, close_all


@contextmanager
def listening(**given: Any) -> Iterator[list[socket.socket]]:
    settings = ServerSettings(**given)
    listeners = bound(settings)
    try:
        yield listeners
    finally:
        close_all(listeners, settings)


def test_a_free_port_is_told_as_an_address() -> None:
    with listening(port=0) as (listener,):
        host, port = listener.getsockname()

        assert address_of(listener, "https") == f"https://{host}:{port}"
        socket.create_connection((host, port)).close()


def test_a_name_with_several_addresses_is_listened_on_at_one_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.2", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)

    with listening(host="twofold", port=0) as (one, other):
        assert one.getsockname()[1] == other.getsockname()[1]
        assert {one.getsockname()[0], other.getsockname()[0]} == {"127.0.0.1", "127.0.0.2"}


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
def test_an_address_of_ipv6_is_told_in_brackets() -> None:
    with listening(host="::1", port=0) as (listener,):
        assert address_of(listener, "http").startswith("http://[::1]:")


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("192.0.2.1", "is no address of this machine"),
        ("a" * 300, "has no address"),
    ],
)
def test_a_host_that_is_not_this_machine_is_refused(host: str, says: str) -> None:
    with pytest.raises(CannotListen, match=says):
        bound(ServerSettings(host=host, port=0))


def test_a_port_that_is_taken_is_refused_with_the_next_one() -> None:
    with listening(port=0) as (listener,):
        port = listener.getsockname()[1]

        with pytest.raises(CannotListen, match=f"{port} is taken.*--port {port + 1}"):
            bound(ServerSettings(port=port))


# -- Unix sockets ----------------------------------------------------------------------------------


def test_a_unix_socket_may_be_used_by_a_proxy_and_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"

    with listening(uds=path) as (listener,):
        assert address_of(listener, "http") == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666

    assert not path.exists()


def test_the_socket_of_a_server_that_has_died_is_replaced_with_its_permissions(
    tmp_path: Path,
) -> None:
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    path.chmod(0o660)

    with listening(uds=path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_the_socket_of_a_server_that_lives_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with listening(uds=path):
        with pytest.raises(CannotListen, match="Another server listens"):
            bound(ServerSettings(uds=path))

        assert path.exists()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("keep me")

    with pytest.raises(CannotListen, match="is no socket"):
        bound(ServerSettings(uds=path))

    assert path.read_text() == "keep me"


def test_a_unix_socket_in_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match="cannot be made"):
        bound(ServerSettings(uds=tmp_path / "nowhere" / "app.sock"))


# -- Inherited sockets -----------------------------------------------------------------------------


def test_a_descriptor_stays_with_whoever_gave_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        with listening(fd=given.fileno()) as (listener,):
            assert listener.getsockname() == given.getsockname()
        assert given.fileno() >= 0
        socket.create_connection(given.getsockname()).close()


def test_a_descriptor_that_is_no_socket_is_refused(tmp_path: Path) -> None:
    file = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(CannotListen, match=f"Descriptor {file} is no socket"):
            bound(ServerSettings(fd=file))
    finally:
        os.close(file)


# -- TLS -------------------------------------------------------------------------------------------


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    certificate = tmp_path / "server.pem"
    certificate.write_text("none")

    with pytest.raises(WrongSetting, match=r"TLS cannot be served[\s\S]*server\.pem"):
        check_tls(ServerSettings(ssl_certfile=certificate))


def test_a_key_that_needs_a_password_is_told_so(tmp_path: Path) -> None:
    trustme.CA().issue_cert("localhost").cert_chain_pems[0].write_to_path(tmp_path / "c.pem")
    (tmp_path / "k.pem").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )

    with pytest.raises(WrongSetting, match="encrypted: ssl_keyfile_password"):
        check_tls(ServerSettings(ssl_certfile=tmp_path / "c.pem", ssl_keyfile=tmp_path / "k.pem"))


def test_without_a_certificate_there_is_nothing_to_check() -> None:
    check_tls(ServerSettings())
