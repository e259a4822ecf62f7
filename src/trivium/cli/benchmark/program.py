"""The app that is measured: where it is, and what it offers."""

from contextlib import redirect_stdout
from sys import stderr
from typing import Any

from trivium.app import App
from trivium.cli.benchmark.engines import Program
from trivium.cli.benchmark.errors import CannotMeasure
from trivium.fastapi._alias.finder import install
from trivium.server.loading import load_served


def find(spec: str | None, *, factory: bool) -> tuple[Program, dict[str, Any]]:
    """The program that `spec` names, and its OpenAPI document.

    The app is imported into this process, with `fastapi` meaning Trivium; the servers import it
    themselves. Raises AppNotFound, AppFailed from what the app's own code raised, and CannotMeasure
    for an application of another framework.
    """
    install()
    with redirect_stdout(stderr):
        served = load_served(spec, factory=factory)
        if not isinstance(served.app, App):
            raise CannotMeasure(
                f"{served.name} is an application that Trivium and FastAPI only pass requests to: "
                f"a {type(served.app).__name__}, and no FastAPI."
            )
        document: dict[str, Any] = served.app.openapi()
    return Program(served.name, served.directory, served.is_factory), document
