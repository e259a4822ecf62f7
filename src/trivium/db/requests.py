"""Units of work of an application's requests."""

import os
from typing import TYPE_CHECKING, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trivium.db.budget import QueryBudget, is_watched
from trivium.db.errors import DoesNotExist, Unavailable
from trivium.db.units import State, Unit, entered
from trivium.exchange import Exchange
from trivium.stages.stage import Serve, Stage

if TYPE_CHECKING:
    from trivium.app import App
    from trivium.db.database import Database

__all__ = ["UnitsOfWork", "install"]

RETRY_AFTER = 1
"""Seconds after which a client may try again when the database was busy or away."""


def install(database: "Database", app: "App") -> None:
    """Opens the database with the application, and gives each request a unit of work."""
    app.add_lifespan(database.lifespan)
    app.add_stage(UnitsOfWork(database))
    for each in database.databases.values():
        app.add_readiness(f"database {each.name}", each.ping)
    if database.query_budget is not None and is_watched(app):
        app.add_stage(QueryBudget(database.query_budget, warn="PYTEST_VERSION" in os.environ))
    app.add_exception_handler(Unavailable, _unavailable)
    if database.not_found:
        app.add_exception_handler(DoesNotExist, _not_found)


class UnitsOfWork(Stage):
    """Gives each request and each WebSocket a unit of work.

    It is settled when the handler has returned and before the reply is sent. What streams, and the
    background tasks, may use it afterwards; then it is settled once more, and over.
    """

    place: ClassVar[int] = 900

    def __init__(self, database: "Database") -> None:
        self._databases = database.databases
        self._methods = database.transaction_methods

    def wrap(self, serve: Serve) -> Serve:
        databases, methods = self._databases, self._methods

        async def served(ex: Exchange) -> None:
            ex.expect_settlements()
            unit = Unit(databases, transactional=ex.method in methods, on_use=ex.before_reply)
            with entered(unit):
                try:
                    await serve(ex)
                    if ex.has_settlements:
                        await ex.settle()
                except BaseException as error:
                    await ex.settle(error)
                    raise
                finally:
                    unit.state = State.OVER

        return served


async def _unavailable(request: Request, error: Exception) -> Response:
    return JSONResponse(
        {"detail": "The database is busy or does not answer. Try again."},
        status_code=503,
        headers={"Retry-After": str(RETRY_AFTER)},
    )


async def _not_found(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": "Not Found"}, status_code=404)
