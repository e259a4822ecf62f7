"""The sockets that a server listens on: bound once, by the process that was started.

All workers accept from the same listening sockets. The alternative, a socket for each worker on the
same port (SO_REUSEPORT), would have the kernel hand a connection to one worker when the client
connects: connections that wait for a worker that ends would be reset. Here a connection waits in
the queue of a socket that outlives every worker.
"""

import errno
import os
import socket
import ssl
import stat
from collections.abc import Iterable
from pathlib import Path

from trivium.server.errors import CannotListen, WrongSetting
from trivium.server.settings import ServerSettings

__all__ = ["address_of", "bound", "check_tls", "close_all"]


def bound(settings: ServerSettings) -> list[socket.socket]:
    """Sockets that listen where the settings say; ``close_all`` closes them.

    A host name may stand for several addresses (localhost: 127.0.0.1 and ::1), which makes several
    sockets on one port. Raises CannotListen.
    """
    if settings.fd is not None:
        return [_inherited(settings.fd, settings.backlog)]
    if settings.uds is not None:
        return [_unix(settings.uds, settings.backlog)]
    return _tcp(settings.host, settings.port, settings.backlog)


def close_all(sockets: Iterable[socket.socket], settings: ServerSettings) -> None:
    """Closes them, and removes the file of a Unix socket."""
    for each in sockets:
        each.close()
    if settings.uds is not None:
        settings.uds.unlink(missing_ok=True)


def check_tls(settings: ServerSettings) -> None:
    """Raises WrongSetting where the certificate or its key cannot be used."""
    if settings.ssl_certfile is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(
            settings.ssl_certfile,
            settings.ssl_keyfile,
            # Never to be asked for on a terminal.
            settings.ssl_keyfile_password or "",
        )
        if settings.ssl_ca_certs is not None:
            context.load_verify_locations(settings.ssl_ca_certs)
        if settings.ssl_ciphers is not None:
            context.set_ciphers(settings.ssl_ciphers)
    except (OSError, ValueError) as error:
        key = settings.ssl_keyfile or settings.ssl_certfile
        told = [
            f"TLS cannot be served: {error}.",
            f"certificate (PEM): {settings.ssl_certfile}",
            f"private key (PEM): {key}",
        ]
        if settings.ssl_ca_certs is not None:
            told.append(f"authorities: {settings.ssl_ca_certs}")
        if _is_encrypted(key):
            told.append("The key is encrypted: ssl_keyfile_password opens it.")
        raise WrongSetting("\n  ".join(told)) from error


def _is_encrypted(key: Path) -> bool:
    try:
        return b"ENCRYPTED" in key.read_bytes()
    except OSError:
        return False


def address_of(listener: socket.socket, scheme: str) -> str:
    """Where it listens, as a URL or as the path of a Unix socket."""
    name = listener.getsockname()
    if not isinstance(name, tuple):
        return f"unix:{name}"
    host, port = name[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"


def _tcp(host: str, port: int, backlog: int) -> list[socket.socket]:
    try:
        found = socket.getaddrinfo(
            # As text it would be encoded by a codec whose tables take a third of a megabyte.
            host.encode() if host.isascii() and host else host or None,
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except (OSError, UnicodeError) as error:
        raise CannotListen(f"The host {host!r} has no address: {error}") from error
    listeners: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((each[0], each[4]) for each in found):
            # With port 0 the first socket is given one, and the others have to take the same.
            taken = listeners[0].getsockname()[1] if listeners else port
            listener = _listening(family, str(address[0]), taken, backlog)
            if listener is not None:
                listeners.append(listener)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    if not listeners:
        raise CannotListen(f"The host {host!r} has no address of this machine.")
    return listeners


def _listening(family: int, host: str, port: int, backlog: int) -> socket.socket | None:
    """A listening socket; None where the machine does not speak this kind of address."""
    try:
        return socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        if family == socket.AF_INET6 and error.errno in (
            errno.EAFNOSUPPORT,
            errno.EADDRNOTAVAIL,
        ):
            return None
        raise CannotListen(_why_not(error, f"{host}:{port}", port)) from error


def _why_not(error: OSError, where: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken by another program. Choose another port: --port {port + 1}"
    if error.errno == errno.EACCES:
        return f"{where} is not allowed: ports below 1024 need a privilege. Choose a higher one."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where} is no address of this machine. 127.0.0.1 is this machine alone, 0.0.0.0 all its addresses."  # noqa: E501  # one sentence
    return f"{where} cannot be listened on: {error}"


def _unix(path: Path, backlog: int) -> socket.socket:
    mode = _mode_of_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        # As uvicorn does: the proxy in front runs as another user.
        path.chmod(0o666 if mode is None else mode)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise CannotListen(f"The Unix socket {path} cannot be made: {error}") from error
    return listener


def _mode_of_stale(path: Path) -> int | None:
    """Removes the socket that a server left behind, and tells its permissions."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISSOCK(found.st_mode):
        raise CannotListen(f"{path} is there and is no socket. Remove it, or choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return stat.S_IMODE(found.st_mode)
        except OSError as error:
            raise CannotListen(f"The Unix socket {path} cannot be used: {error}") from error
    raise CannotListen(f"Another server listens on the Unix socket {path}.")


def _inherited(fd: int, backlog: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=os.dup(fd))
        listener.listen(backlog)
    except OSError as error:
        raise CannotListen(
            f"Descriptor {fd} is no socket that can be listened on: {error}\n"
            "  systemd passes its first socket as --fd 3."
        ) from error
    return listener
