"""The settings of the server, read from wherever a setting may be given.

The first of these that says something counts: what was passed (a flag, a keyword of ``run``), the
environment (``TRIVIUM_PORT``), the file that ``env_file`` names, ``[tool.trivium]`` of
``pyproject.toml``, the default.

They are a dataclass, and Pydantic's core validates what is given: a model of so many fields would
take more memory and time at every start than all that is usually set of them.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core.core_schema import (
    CoreSchema,
    bool_schema,
    float_schema,
    int_schema,
    list_schema,
    literal_schema,
    no_info_before_validator_function,
    no_info_plain_validator_function,
    nullable_schema,
    str_schema,
)
from typing_extensions import TypedDict

from trivium.server.errors import WrongSetting
from trivium.server.location import project_tools

__all__ = [
    "ENVIRONMENT_PREFIX",
    "SETTINGS",
    "ServerOptions",
    "ServerSettings",
    "Setting",
    "settings_from",
]

ENVIRONMENT_PREFIX = "TRIVIUM_"

LogLevel: TypeAlias = Literal["critical", "error", "warning", "info", "debug", "trace"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one setting. ``schema`` is how Pydantic's core reads a value of it."""

    default: Any
    description: str
    schema: CoreSchema

    @property
    def is_flag(self) -> bool:
        """Whether it is on or off."""
        return bool(self.schema["type"] == "bool")

    @property
    def choices(self) -> list[str]:
        """The values to choose from; none where it may be anything of its type."""
        return self.schema["expected"] if self.schema["type"] == "literal" else []


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _path(value: Any) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise ValueError("input should be a path")
    return Path(value)


def _existing(value: Any) -> Path:
    path = _path(value)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _size(value: Any) -> int:
    from pydantic import ByteSize, TypeAdapter

    try:
        return TypeAdapter(ByteSize).validate_python(value)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from None


def _rooted(value: Any) -> str:
    """A root path as servers want it: with a slash before, without one behind."""
    if not isinstance(value, str):
        raise ValueError("input should be a path prefix")
    value = value.strip().strip("/")
    return f"/{value}" if value else ""


TEXT = str_schema(strip_whitespace=True)
TEXTS = no_info_before_validator_function(_split, list_schema(TEXT))
COUNT = int_schema(gt=0)
SECONDS = float_schema(gt=0)
FLAG = bool_schema()
PATH = no_info_plain_validator_function(_path)
FILE = no_info_plain_validator_function(_existing)


def _setting(default: Any, description: str, schema: CoreSchema, *, shown: bool = True) -> Any:
    """A field of ``ServerSettings``; one whose default is None may be None."""
    known = Setting(default, description, nullable_schema(schema) if default is None else schema)
    metadata = {"setting": known}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata, repr=shown)


@dataclass(frozen=True)
class ServerSettings:
    """What can be set of the server. Every setting has a default that is safe.

    Values are taken as they are; ``settings_from`` and ``validated`` read those that were written.
    """

    host: str = _setting(
        "127.0.0.1",
        "Address to listen on; 0.0.0.0 for all of IPv4.",
        # nothing would be everything
        str_schema(strip_whitespace=True, min_length=1),
    )
    port: int = _setting(8000, "Port; 0 takes a free one.", int_schema(ge=0, le=65535))
    uds: Path | None = _setting(None, "Unix socket to listen on, instead of a port.", PATH)
    fd: int | None = _setting(
        None, "Descriptor of a socket that is bound already, instead of a port.", int_schema(ge=0)
    )
    backlog: int = _setting(2048, "Connections that may wait to be accepted.", COUNT)

    workers: int = _setting(1, "Processes. One runs without a supervisor.", COUNT)
    threads: int = _setting(
        40, "Threads of each process for `def` code; more of it waits for one.", COUNT
    )
    limit_concurrency: int | None = _setting(
        None, "Connections or requests above which the answer is 503.", COUNT
    )
    max_requests: int | None = _setting(None, "Requests after which a worker is replaced.", COUNT)
    max_worker_age: float | None = _setting(
        None, "Seconds after which a worker is replaced.", SECONDS
    )
    max_worker_memory: int | None = _setting(
        None,
        "Resident memory above which a worker is replaced, as in 512MB.",
        no_info_plain_validator_function(_size),
    )
    worker_timeout: float | None = _setting(
        None,
        "Seconds after which a worker that is stuck is killed and replaced.",
        float_schema(ge=2),  # one that is not says so once a second
    )
    recycle_jitter: float = _setting(
        0.1,
        "Part by which workers' limits differ, so that not all reach them at once.",
        float_schema(ge=0, le=1),
    )

    timeout_keep_alive: int = _setting(
        5, "Seconds that a connection may be idle between requests.", COUNT
    )
    shutdown_delay: float = _setting(
        0.0,
        "Seconds to serve on after SIGTERM, with /ready answering 503.",
        float_schema(ge=0),
    )
    graceful_timeout: float = _setting(
        30.0, "Seconds that open requests have to end at shutdown.", float_schema(ge=0)
    )

    max_url_size: int = _setting(16 * 1024, "Bytes of a URL; 414 beyond.", COUNT)
    max_header_size: int = _setting(
        64 * 1024, "Bytes of all headers of a request; 431 beyond.", COUNT
    )
    max_headers: int = _setting(128, "Headers of a request; 431 beyond.", COUNT)
    header_timeout: float = _setting(
        15.0, "Seconds that the headers of a request may take; then 408.", SECONDS
    )
    body_timeout: float = _setting(
        30.0, "Seconds in which a body has to make some progress; else 408.", SECONDS
    )
    write_timeout: float = _setting(
        60.0, "Seconds in which a client has to read something; else it is cut off.", SECONDS
    )

    asgi: bool = _setting(
        False, "Serve by uvicorn's HTTP/1.1 protocol, which has none of the six limits above.", FLAG
    )
    http2: bool = _setting(False, "Speak HTTP/2 too, by zttp, within the six limits above.", FLAG)
    root_path: str = _setting(
        "", "Path prefix that a proxy strips.", no_info_plain_validator_function(_rooted)
    )
    proxy_headers: bool = _setting(
        False, "Believe X-Forwarded-For and -Proto of the peers named next.", FLAG
    )
    forwarded_allow_ips: list[str] = _setting(
        ["127.0.0.1", "::1"],
        "Addresses and networks whose X-Forwarded headers are believed; * for all.",
        TEXTS,
    )

    ssl_certfile: Path | None = _setting(None, "Certificate chain (PEM): serve HTTPS.", FILE)
    ssl_keyfile: Path | None = _setting(
        None, "Private key (PEM), where the certificate's file does not hold it.", FILE
    )
    ssl_keyfile_password: str | None = _setting(None, "Password of the key.", TEXT, shown=False)
    ssl_ca_certs: Path | None = _setting(
        None, "Authorities (PEM): clients must show a certificate of theirs.", FILE
    )
    ssl_ciphers: str | None = _setting(None, "Ciphers, in OpenSSL's notation.", TEXT)

    env_file: Path | None = _setting(
        None, "File with variables of the environment, for the app too.", FILE
    )
    log_level: LogLevel = _setting(
        "info", "How much the server says.", literal_schema(list(get_args(LogLevel)))
    )
    log_format: Literal["text", "json"] = _setting(
        "text", "Lines for people, or one JSON object each.", literal_schema(["text", "json"])
    )
    access_log: bool = _setting(True, "A line for each request.", FLAG)
    quiet: bool = _setting(False, "No screen at start-up.", FLAG)

    reload: bool = _setting(False, "Restart when a file of the app changes.", FLAG)
    reload_dir: list[str] = _setting(
        [], "Directories to watch; without any, the one the app is imported from.", TEXTS
    )
    reload_include: list[str] = _setting(["*.py"], "Names of the files to watch.", TEXTS)

    def __post_init__(self) -> None:
        if self.uds is not None and self.fd is not None:
            raise WrongSetting("uds and fd exclude each other: one socket to listen on.")
        if self.ssl_certfile is None and (self.ssl_keyfile or self.ssl_ca_certs):
            raise WrongSetting("ssl_keyfile and ssl_ca_certs need ssl_certfile.")
        if self.reload and self.workers > 1:
            raise WrongSetting("reload and workers exclude each other: reload watches one process.")

    @classmethod
    def validated(cls, values: Mapping[str, Any]) -> "ServerSettings":
        """Those of data, as ``jsonable`` makes it. Raises WrongSetting."""
        return _validated(values, lambda name: name)

    def jsonable(self) -> dict[str, Any]:
        """The settings as JSON-able data, the password included."""
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in asdict(self).items()
        }

    @property
    def recycles(self) -> bool:
        """Whether workers are replaced while they serve."""
        limits = (self.max_requests, self.max_worker_age, self.max_worker_memory)
        return any(limit is not None for limit in limits)

    @property
    def needs_supervisor(self) -> bool:
        """Whether there is a process more than those that serve."""
        return self.workers > 1 or self.recycles or self.worker_timeout is not None


SETTINGS: Mapping[str, Setting] = {
    each.name: each.metadata["setting"] for each in fields(ServerSettings)
}
"""What is known of each setting, by its name."""


class ServerOptions(TypedDict, total=False):
    """The settings as keywords of ``run``. A test holds them equal to the settings."""

    host: str
    port: int
    uds: str | os.PathLike[str] | None
    fd: int | None
    backlog: int
    workers: int
    threads: int
    limit_concurrency: int | None
    max_requests: int | None
    max_worker_age: float | None
    max_worker_memory: int | str | None
    worker_timeout: float | None
    recycle_jitter: float
    timeout_keep_alive: int
    shutdown_delay: float
    graceful_timeout: float
    max_url_size: int
    max_header_size: int
    max_headers: int
    header_timeout: float
    body_timeout: float
    write_timeout: float
    asgi: bool
    http2: bool
    root_path: str
    proxy_headers: bool
    forwarded_allow_ips: list[str] | str
    ssl_certfile: str | os.PathLike[str] | None
    ssl_keyfile: str | os.PathLike[str] | None
    ssl_keyfile_password: str | None
    ssl_ca_certs: str | os.PathLike[str] | None
    ssl_ciphers: str | None
    env_file: str | os.PathLike[str] | None
    log_level: LogLevel
    log_format: Literal["text", "json"]
    access_log: bool
    quiet: bool
    reload: bool
    reload_dir: list[str] | str
    reload_include: list[str] | str


def settings_from(
    given: Mapping[str, Any],
    *,
    spelled: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> ServerSettings:
    """The settings of this process.

    given: what was passed and is not None; it comes before everything else.
    spelled: how each of those was written, for messages: ``{"port": "--port"}``.
    defaults: defaults other than the settings' own, as a command may have them.

    Variables of the file that ``env_file`` names are put into the environment, where it has none
    of that name. Raises WrongSetting, which says where the value came from.
    """
    given = {name: value for name, value in given.items() if value is not None}
    if unknown := sorted(given.keys() - SETTINGS.keys()):
        raise WrongSetting(f"There is no setting {unknown[0]!r}.{_nearest(unknown[0])}")
    sources = _Sources(given, spelled or {}, defaults or {})
    sources.load_env_file()
    return _validated(sources.values(), sources.of)


def _validated(values: Mapping[str, Any], origin: Callable[[str], str]) -> ServerSettings:
    """The settings that the values mean. origin: where the value of a setting was given."""
    valid: dict[str, Any] = {}
    wrong: list[str] = []
    for name, value in values.items():
        try:
            valid[name] = SchemaValidator(SETTINGS[name].schema).validate_python(value)
        except ValidationError as error:
            wrong += (_told(name, origin(name), each) for each in error.errors(include_url=False))
    if wrong:
        raise WrongSetting("\n".join(wrong))
    return ServerSettings(**valid)


def _told(name: str, origin: str, error: Mapping[str, Any]) -> str:
    said = error["msg"].removeprefix("Value error, ")
    value = "" if name == "ssl_keyfile_password" else f" {error['input']!r}"
    hint = SETTINGS[name].description
    return f"{origin}{value}: {said[:1].lower()}{said[1:]}.\n  {name}: {hint}"


class _Sources:
    """Where settings are given, and what."""

    def __init__(
        self, given: Mapping[str, Any], spelled: Mapping[str, str], defaults: Mapping[str, Any]
    ) -> None:
        self._given = given
        self._spelled = spelled
        self._defaults = defaults
        self._table = _project_table()
        self._of_file: set[str] = set()
        self._env_file: Path | None = None

    def load_env_file(self) -> None:
        """Puts the variables of the file into the environment, which comes before them."""
        name = (
            self._given.get("env_file")
            or os.environ.get(_variable("env_file"))
            or self._table.get("env_file")
        )
        if not isinstance(name, str | os.PathLike) or not Path(name).is_file():
            return  # nothing, or what is refused with the other values
        from dotenv import dotenv_values

        self._env_file = Path(name)
        try:
            variables = dotenv_values(self._env_file)
        except (OSError, UnicodeDecodeError) as error:
            raise WrongSetting(f"{self.of('env_file')}: {name} cannot be read: {error}") from error
        for variable, value in variables.items():
            if value is not None and variable not in os.environ:
                os.environ[variable] = value
                self._of_file.add(variable)

    def values(self) -> dict[str, Any]:
        """What is given, from the source that counts."""
        environment = {
            name: value for name in SETTINGS if (value := os.environ.get(_variable(name)))
        }
        found = dict(self._defaults)
        for source in (self._table, environment, self._given):
            if "forwarded_allow_ips" in source:
                # Whoever names the proxies means that they are believed.
                found["proxy_headers"] = True
            found |= source
        return found

    def of(self, name: str) -> str:
        """How the setting is called where it was given."""
        variable = _variable(name)
        if name in self._given:
            return self._spelled.get(name, f"{name}=")
        if os.environ.get(variable):
            where = self._env_file if variable in self._of_file else "the environment"
            return f"{variable} in {where}"
        if name in self._table:
            return f"{name} of [tool.trivium] in {Path('pyproject.toml').resolve()}"
        return name


def _variable(name: str) -> str:
    return f"{ENVIRONMENT_PREFIX}{name.upper()}"


def _project_table() -> dict[str, Any]:
    """The settings in [tool.trivium] of the pyproject.toml in the current directory."""
    file = Path("pyproject.toml")
    try:
        ours = project_tools(Path()).get("trivium", {})
    except ValueError as error:
        raise WrongSetting(f"{file.resolve()} cannot be read: {error}") from error
    if not isinstance(ours, dict):
        raise WrongSetting(f"tool.trivium in {file.resolve()} is {ours!r}, which is no table.")
    table = {key.replace("-", "_"): value for key, value in ours.items()}
    for key in table.keys() - SETTINGS.keys():
        # The table is shared with others, so that only what is nearly a setting is a mistake.
        if near := _nearest(key, 0.8):
            raise WrongSetting(
                f"There is no setting {key!r} ([tool.trivium] in {file.resolve()}).{near}"
            )
    return {name: value for name, value in table.items() if name in SETTINGS}


def _nearest(name: str, likeness: float = 0.6) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, SETTINGS, 1, likeness)
    return f" Did you mean {near[0]!r}?" if near else ""
