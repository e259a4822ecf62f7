"""What an application in production switches on: one typed object, one verb.

app.production(allowed_hosts=["example.com"])
"""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from typing_extensions import TypedDict

from trivium.errors import DeclarationError
from trivium.stages.access_log import AccessLog, Sink
from trivium.stages.body_limit import BodyLimit
from trivium.stages.compression import Compression
from trivium.stages.cors import CORS
from trivium.stages.deadline import Deadline
from trivium.stages.disconnect import CancelOnDisconnect
from trivium.stages.etag import ETag
from trivium.stages.health import Health
from trivium.stages.hosts import TrustedHosts
from trivium.stages.networks import PRIVATE
from trivium.stages.proxies import TrustedProxies
from trivium.stages.request_id import RequestId
from trivium.stages.security_headers import CONTENT_POLICY, SecurityHeaders
from trivium.stages.stage import Stage

__all__ = ["ProductionOptions", "ProductionSettings", "production_settings", "stages_for"]


def _split(value: Any) -> Any:
    """A list in an environment variable: ``a, b``."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def _hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    if not hosts:
        raise ValueError("at least one host has to be served")
    return hosts


class ProductionSettings(BaseSettings):
    """What ``App.production`` switches on, and how.

    Each is read from ``TRIVIUM_`` and its name in capitals where it is not given:
    ``TRIVIUM_ALLOWED_HOSTS="example.com, *.example.com"``. ``allowed_hosts`` cannot be guessed.
    """

    model_config = SettingsConfigDict(
        env_prefix="TRIVIUM_", extra="ignore", arbitrary_types_allowed=True
    )

    allowed_hosts: Annotated[Names, AfterValidator(_hosts)]
    """The hosts that are served; see ``TrustedHosts``. ``*`` serves any."""
    trusted_proxies: Names = ()
    """The networks of the proxies that are believed; see ``TrustedProxies``."""
    proxy_header: Literal["x-forwarded", "forwarded"] = "x-forwarded"
    proxy_host: bool = False
    cors_origins: Names = ()
    """The origins whose pages may call the application; see ``CORS``."""
    cors_origin_regex: str | None = None
    cors_credentials: bool = False
    cors_methods: Names = ("*",)
    cors_headers: Names = ("*",)
    request_id_header: str = "x-request-id"
    access_log: bool = True
    access_log_sink: Sink | None = Field(default=None, exclude=True)
    """Takes the access log; lines of JSON on standard output if nothing is said."""
    security_headers: bool = True
    hsts: Annotated[int, Field(ge=0)] = 31_536_000
    """Seconds; 0 sends no ``Strict-Transport-Security``."""
    hsts_subdomains: bool = False
    content_policy: str | None = None
    """``Content-Security-Policy``; a strict one if nothing is said, and none if empty."""
    max_body_size: Annotated[int, Field(ge=0)] = 10 * 1024 * 1024
    """Bytes; a route may set its own."""
    request_timeout: Annotated[float, Field(gt=0)] | None = 60.0
    """Seconds until a reply has to begin; see ``Deadline``."""
    compression: bool = True
    etag: bool = True
    rate_limit: str | None = None
    """Such as ``100/minute`` for each client; see ``RateLimit``."""
    rate_limit_storage: str = "memory"
    health: bool = True
    """``/health`` and ``/ready``."""
    metrics: bool | None = None
    """``/metrics``; where ``prometheus-client`` is installed, if nothing is said."""
    metrics_readers: Names = PRIVATE
    metrics_token: SecretStr | None = None
    cancel_on_disconnect: bool = False


class ProductionOptions(TypedDict, total=False):
    """The options of ``App.production``: those of ``ProductionSettings``."""

    allowed_hosts: list[str] | tuple[str, ...]
    trusted_proxies: list[str] | tuple[str, ...]
    proxy_header: Literal["x-forwarded", "forwarded"]
    proxy_host: bool
    cors_origins: list[str] | tuple[str, ...]
    cors_origin_regex: str | None
    cors_credentials: bool
    cors_methods: list[str] | tuple[str, ...]
    cors_headers: list[str] | tuple[str, ...]
    request_id_header: str
    access_log: bool
    access_log_sink: Sink | None
    security_headers: bool
    hsts: int
    hsts_subdomains: bool
    content_policy: str | None
    max_body_size: int
    request_timeout: float | None
    compression: bool
    etag: bool
    rate_limit: str | None
    rate_limit_storage: str
    health: bool
    metrics: bool | None
    metrics_readers: list[str] | tuple[str, ...]
    metrics_token: str | None
    cancel_on_disconnect: bool


class Application(Protocol):
    """What the settings need to know of an application."""

    docs_url: str | None
    redoc_url: str | None
    swagger_ui_oauth2_redirect_url: str | None
    pages_load_from_cdn: bool


def production_settings(options: ProductionOptions) -> ProductionSettings:
    """The settings: what is given, then what the environment says.

    Raises DeclarationError for a value that is wrong or missing.
    """
    given: Any = options
    try:
        return ProductionSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        if first["type"] == "missing":
            raise DeclarationError(
                f"production() has to be told {name}: it cannot be guessed",
                written="app.production()",
                instead=f'app.production({name}=["example.com"]), or the environment variable'
                f" TRIVIUM_{name.upper()}",
            ) from None
        raise DeclarationError(
            f"{name}: {first['msg']}",
            written=f"{name}={first['input']!r}",
            instead="see ProductionSettings",
        ) from error


def stages_for(app: Application, settings: ProductionSettings) -> Iterator[Stage]:
    """The stages that these settings ask for."""
    yield RequestId(settings.request_id_header, trusted=settings.trusted_proxies)
    yield TrustedProxies(
        settings.trusted_proxies, header=settings.proxy_header, host=settings.proxy_host
    )
    if settings.access_log:
        yield AccessLog(settings.access_log_sink)
    if settings.security_headers:
        yield _security_headers(app, settings)
    if settings.health:
        yield Health()
    if settings.metrics or (settings.metrics is None and find_spec("prometheus_client")):
        from trivium.stages.metrics import Metrics

        token = settings.metrics_token
        yield Metrics(
            readers=settings.metrics_readers,
            token=None if token is None else token.get_secret_value(),
        )
    yield TrustedHosts(settings.allowed_hosts)
    # without origins too: it keeps pages of others from opening WebSockets
    yield CORS(
        settings.cors_origins,
        origin_regex=settings.cors_origin_regex,
        credentials=settings.cors_credentials,
        methods=settings.cors_methods,
        headers=settings.cors_headers,
    )
    if settings.rate_limit is not None:
        from trivium.stages.rate_limit import RateLimit

        yield RateLimit(settings.rate_limit, storage=settings.rate_limit_storage)
    if settings.compression:
        yield Compression()
    if settings.etag:
        yield ETag()
    yield BodyLimit(settings.max_body_size)
    if settings.request_timeout is not None:
        yield Deadline(settings.request_timeout)
    if settings.cancel_on_disconnect:
        yield CancelOnDisconnect()


def _security_headers(app: Application, settings: ProductionSettings) -> SecurityHeaders:
    pages = [app.docs_url, app.swagger_ui_oauth2_redirect_url, app.redoc_url]
    paths = [path for path in pages if path is not None]
    policy = settings.content_policy
    return SecurityHeaders(
        hsts=settings.hsts,
        hsts_subdomains=settings.hsts_subdomains,
        content_policy=CONTENT_POLICY if policy is None else policy,
        popups=paths,
        without_policy=paths if app.pages_load_from_cdn else (),
    )
