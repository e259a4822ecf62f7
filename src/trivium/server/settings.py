"""The settings of the server: one model, read from wherever a setting may be given.

The first of these that says something counts: what was passed (a flag, a keyword of ``run``), the
environment (``TRIVIUM_PORT``), the file that ``env_file`` names, ``[tool.trivium]`` of
``pyproject.toml``, the default.
"""

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import TypedDict

from trivium.server.errors import WrongSetting

__all__ = ["ENVIRONMENT_PREFIX", "ServerOptions", "ServerSettings", "settings_from"]

ENVIRONMENT_PREFIX = "TRIVIUM_"

LogLevel: TypeAlias = Literal["critical", "error", "warning", "info", "debug", "trace"]


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if _is_text(value) else value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _rooted(value: str) -> str:
    """A root path as servers want it: with a slash before, without one behind."""
    value = value.strip("/")
    return f"/{value}" if value else ""


def _existing(value: Path) -> Path:
    if not value.is_file():
        raise ValueError(f"there is no file {value}")
    return value


ListOfTexts = Annotated[list[str], NoDecode, BeforeValidator(_split)]
File = Annotated[Path, AfterValidator(_existing)]


class ServerSettings(BaseSettings):
    """What can be set of the server. Every setting has a default that is safe."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        extra="forbid",
        frozen=True,
        env_ignore_empty=True,
        # A setting of one's own that is a number stays one where it is passed as text.
        str_strip_whitespace=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all of IPv4.")
    port: int = Field(8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    uds: Path | None = Field(None, description="Unix socket to listen on, instead of a port.")
    fd: int | None = Field(
        None, ge=0, description="Descriptor of a socket that is bound already, instead of a port."
    )
    backlog: PositiveInt = Field(2048, description="Connections that may wait to be accepted.")

    workers: PositiveInt = Field(1, description="Processes. One runs without a supervisor.")
    threads: PositiveInt = Field(
        40, description="Threads of each process for `def` code; more of it waits for one."
    )
    limit_concurrency: PositiveInt | None = Field(
        None, description="Connections or requests above which the answer is 503."
    )
    max_requests: PositiveInt | None = Field(
        None, description="Requests after which a worker is replaced."
    )
    max_worker_age: PositiveFloat | None = Field(
        None, description="Seconds after which a worker is replaced."
    )
    max_worker_memory: ByteSize | None = Field(
        None, description="Resident memory above which a worker is replaced, as in 512MB."
    )
    worker_timeout: PositiveFloat | None = Field(
        None, description="Seconds after which a worker that is stuck is killed and replaced."
    )
    recycle_jitter: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Part by which workers' limits differ, so that not all reach them at once.",
    )

    timeout_keep_alive: PositiveInt = Field(
        5, description="Seconds that a connection may be idle between requests."
    )
    graceful_timeout: NonNegativeFloat = Field(
        30.0, description="Seconds that open requests have to end at shutdown."
    )

    max_url_size: PositiveInt = Field(16 * 1024, description="Bytes of a URL; 414 beyond.")
    max_header_size: PositiveInt = Field(
        64 * 1024, description="Bytes of all headers of a request; 431 beyond."
    )
    max_headers: PositiveInt = Field(128, description="Headers of a request; 431 beyond.")
    header_timeout: PositiveFloat = Field(
        15.0, description="Seconds that the headers of a request may take; then 408."
    )
    body_timeout: PositiveFloat = Field(
        30.0, description="Seconds in which a body has to make some progress; else 408."
    )
    write_timeout: PositiveFloat = Field(
        60.0, description="Seconds in which a client has to read something; else it is cut off."
    )

    asgi: bool = Field(
        False,
        description="Serve by uvicorn's own protocol, which has none of the six limits above.",
    )
    root_path: Annotated[str, AfterValidator(_rooted)] = Field(
        "", description="Path prefix that a proxy strips."
    )
    proxy_headers: bool = Field(
        False, description="Believe X-Forwarded-For and -Proto of the peers named next."
    )
    forwarded_allow_ips: ListOfTexts = Field(
        ["127.0.0.1", "::1"],
        description="Addresses and networks whose X-Forwarded headers are believed; * for all.",
    )

    ssl_certfile: File | None = Field(None, description="Certificate chain (PEM): serve HTTPS.")
    ssl_keyfile: File | None = Field(
        None, description="Private key (PEM), where the certificate's file does not hold it."
    )
    ssl_keyfile_password: SecretStr | None = Field(None, description="Password of the key.")
    ssl_ca_certs: File | None = Field(
        None, description="Authorities (PEM): clients must show a certificate of theirs."
    )
    ssl_ciphers: str | None = Field(None, description="Ciphers, in OpenSSL's notation.")

    env_file: File | None = Field(
        None, description="File with variables of the environment, for the app too."
    )
    log_level: LogLevel = Field("info", description="How much the server says.")
    log_format: Literal["text", "json"] = Field(
        "text", description="Lines for people, or one JSON object each."
    )
    access_log: bool = Field(True, description="A line for each request.")
    quiet: bool = Field(False, description="No screen at start-up.")

    reload: bool = Field(False, description="Restart when a file of the app changes.")
    reload_dir: ListOfTexts = Field(
        [], description="Directories to watch; without any, the one the app is imported from."
    )
    reload_include: ListOfTexts = Field(["*.py"], description="Names of the files to watch.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.uds is not None and self.fd is not None:
            raise ValueError("uds and fd exclude each other: one socket to listen on")
        if self.ssl_certfile is None and (self.ssl_keyfile or self.ssl_ca_certs):
            raise ValueError("ssl_keyfile and ssl_ca_certs need ssl_certfile")
        if self.reload and self.workers > 1:
            raise ValueError("reload and workers exclude each other: reload watches one process")
        return self

    @property
    def recycles(self) -> bool:
        """Whether workers are replaced while they serve."""
        limits = (self.max_requests, self.max_worker_age, self.max_worker_memory)
        return any(limit is not None for limit in limits)

    @property
    def needs_supervisor(self) -> bool:
        """Whether there is a process more than those that serve."""
        return self.workers > 1 or self.recycles or self.worker_timeout is not None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The project's table is passed below what is given; see settings_from().
        return init_settings, env_settings, _ProjectTable(settings_cls)


class ServerOptions(TypedDict, total=False):
    """The settings as keywords of ``run``. A test holds them equal to those of the model."""

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
    graceful_timeout: float
    max_url_size: int
    max_header_size: int
    max_headers: int
    header_timeout: float
    body_timeout: float
    write_timeout: float
    asgi: bool
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
    defaults: defaults other than the model's, as a command may have them.

    Variables of the file that ``env_file`` names are put into the environment, where it has none
    of that name. Raises WrongSetting, which says where the value came from.
    """
    given = {name: value for name, value in given.items() if value is not None}
    if unknown := sorted(set(given) - set(ServerSettings.model_fields)):
        raise WrongSetting(f"There is no setting {unknown[0]!r}.{_nearest(unknown[0])}")
    origins = _Origins(given, spelled or {})
    origins.load_env_file()
    passed = {**given}
    if "forwarded_allow_ips" in passed:
        # Whoever names the proxies means that they are believed.
        passed.setdefault("proxy_headers", True)
    for name, value in (defaults or {}).items():
        if origins.of(name) is None:
            passed[name] = value
    try:
        return ServerSettings(**passed)
    except ValidationError as error:
        raise WrongSetting(_told(error, origins)) from None


class _ProjectTable(PydanticBaseSettingsSource):
    """``[tool.trivium]`` of the pyproject.toml in the current directory."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return _project_table().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        return {name: value for name, value in _project_table().items() if name in fields}


def _project_table() -> dict[str, Any]:
    """The table, with the dashes of its keys as underscores."""
    file = Path("pyproject.toml")
    try:
        tools = tomllib.loads(file.read_text("utf-8")).get("tool", {})
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{file.resolve()} cannot be read: {error}") from error
    table = {key.replace("-", "_"): value for key, value in tools.get("trivium", {}).items()}
    for key in table.keys() - ServerSettings.model_fields.keys():
        # The table is shared with others, so that only what is nearly a setting is a mistake.
        if near := get_close_matches(key, ServerSettings.model_fields, 1, 0.8):
            raise WrongSetting(
                f"There is no setting {key!r} ([tool.trivium] in {file.resolve()})."
                f" Did you mean {near[0]!r}?"
            )
    return table


class _Origins:
    """Where each setting was given."""

    def __init__(self, given: Mapping[str, Any], spelled: Mapping[str, str]) -> None:
        self._given = given
        self._spelled = spelled
        self._table = _project_table()
        self._of_file: set[str] = set()
        self._env_file: Path | None = None

    def load_env_file(self) -> None:
        """Puts the variables of the file into the environment, which comes before them."""
        name = (
            self._given.get("env_file")
            or os.environ.get(f"{ENVIRONMENT_PREFIX}ENV_FILE")
            or self._table.get("env_file")
        )
        if name is None or not Path(name).is_file():
            return
        from dotenv import dotenv_values

        self._env_file = Path(name)
        for variable, value in dotenv_values(self._env_file).items():
            if value is not None and variable not in os.environ:
                os.environ[variable] = value
                self._of_file.add(variable)

    def of(self, name: str) -> str | None:
        """How the setting is called where it was given; None for a default."""
        variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
        if name in self._given:
            return self._spelled.get(name, f"{name}=")
        if os.environ.get(variable):
            where = self._env_file if variable in self._of_file else "the environment"
            return f"{variable} in {where}"
        if name in self._table:
            return f"{name} of [tool.trivium] in {Path('pyproject.toml').resolve()}"
        return None


def _told(error: ValidationError, origins: _Origins) -> str:
    lines = []
    for each in error.errors(include_url=False, include_context=False):
        if not each["loc"]:
            lines.append(f"{each['msg'].removeprefix('Value error, ')}.")
            continue
        name = str(each["loc"][0])
        origin = origins.of(name) or name
        hint = ServerSettings.model_fields[name].description
        said = each["msg"].removeprefix("Value error, ")
        secret = name == "ssl_keyfile_password"
        value = "" if secret else f" {each['input']!r}"
        lines.append(f"{origin}{value}: {said[:1].lower()}{said[1:]}.\n  {name}: {hint}")
    return "\n".join(lines)


def _nearest(name: str) -> str:
    near = get_close_matches(name, ServerSettings.model_fields, 1)
    return f" Did you mean {near[0]!r}?" if near else ""
