"""What may be changed from outside, by the environment or the command line."""

import secrets
from datetime import date
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _new_secret() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(32))


class Settings(BaseSettings):
    """Every setting has a safe default; `FLIGHTS_PORT=8001` or `--port 8001` changes one."""

    model_config = SettingsConfigDict(
        env_prefix="FLIGHTS_",
        cli_prog_name="python -m examples.flights",
        cli_kebab_case=True,
        cli_hide_none_type=True,
    )

    host: str = Field(default="127.0.0.1", description="the address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="the port; 0 takes any free one")
    data_dir: Path = Field(
        default=Path(".data"), description="where the database and the reports are kept"
    )
    until: date | None = Field(default=None, description="load no flight after this day")
    password: SecretStr = Field(
        default=SecretStr("clear-skies"),
        min_length=8,
        description="the password of both demo accounts",
    )
    secret: SecretStr = Field(
        default_factory=_new_secret,
        min_length=32,
        description="signs the tokens; without one, a restart ends every login",
    )
    token_minutes: int = Field(default=60, ge=1, le=24 * 60, description="how long a login lasts")

    @property
    def database(self) -> Path:
        """The SQLite file that the data set is loaded into."""
        return self.data_dir / "flights.sqlite"

    @property
    def reports(self) -> Path:
        """The folder of the daily reports."""
        return self.data_dir / "reports"
