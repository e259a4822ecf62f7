"""The settings of the server as options of a command, made of the settings' own descriptions."""

import inspect
from collections.abc import Callable, Collection
from typing import Annotated, Any, TypeVar

import typer

from trivium.cli.arguments import flag_of
from trivium.server.settings import ENVIRONMENT_PREFIX, SETTINGS

__all__ = ["with_settings"]

Command = TypeVar("Command", bound=Callable[..., Any])

# Of these the text says more than the name of the type.
_METAVARS = {
    "fd": "NUMBER",
    "forwarded_allow_ips": "ADDRESSES",
    "host": "ADDRESS",
    "max_worker_memory": "SIZE",
    "reload_dir": "DIRECTORIES",
    "reload_include": "PATTERNS",
    "root_path": "PREFIX",
    "ssl_ciphers": "CIPHERS",
    "ssl_keyfile_password": "PASSWORD",
    "uds": "PATH",
}


def with_settings(*, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Gives a command an option for each setting, which it takes as ``**given``.

    The values are texts, or None where an option was not used: the settings' own model reads them,
    as it reads the environment, and says what is wrong with them.
    """

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command)
        own = [
            each
            for each in signature.parameters.values()
            if each.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        options = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_option(name)
            )
            for name in SETTINGS
            if name not in without
        ]
        changed = signature.replace(parameters=[*own, *options])
        command.__signature__ = changed  # type: ignore[attr-defined]  # what inspect looks for
        command.__annotations__ = {
            each.name: each.annotation for each in changed.parameters.values()
        }
        return command

    return decorate


def _option(name: str) -> Any:
    setting = SETTINGS[name]
    flag = flag_of(name)
    shown = _default(setting.default)
    text = f"{setting.description}{shown} [{ENVIRONMENT_PREFIX}{name.upper()}]"
    if setting.is_flag:
        return Annotated[bool | None, typer.Option(f"{flag}/--no-{flag[2:]}", help=text)]
    if setting.choices:
        metavar = "|".join(setting.choices)
    else:
        metavar = _METAVARS.get(name, "FILE" if "file" in name or "certs" in name else "NUMBER")
    return Annotated[str | None, typer.Option(flag, help=text, metavar=metavar, show_default=False)]


def _default(value: Any) -> str:
    if value is None or value == "" or value is False or value == []:
        return ""
    if isinstance(value, list):
        value = ",".join(value)
    return f" Default: {'on' if value is True else value}."
