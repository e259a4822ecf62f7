"""Units of work of an application's requests."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from trivium.binding.params import Depends
from trivium.db.errors import DoesNotExist, Unavailable
from trivium.db.units import Unit, make_current

if TYPE_CHECKING:
    from trivium.app import App
    from trivium.db.database import Database

__all__ = ["install"]

RETRY_AFTER = 1
"""Seconds after which a client may try again when the database was busy or away."""


def install(database: "Database", app: "App") -> None:
    """Opens the database with the application, and gives each request a unit of work."""
    app.add_lifespan(database.lifespan)

    async def unit_of_work(connection: HTTPConnection) -> AsyncIterator[None]:
        method = connection.scope.get("method")
        unit = Unit(database.databases, transactional=method in database.transaction_methods)
        # it stays the current one: a stream and background tasks come after this
        make_current(unit)
        try:
            yield
        except BaseException as error:
            await unit.settle(error)
            raise
        await unit.settle()

    app.router.dependencies = [
        Depends(unit_of_work, scope="function"),
        *app.router.dependencies,
    ]
    app.add_exception_handler(Unavailable, _unavailable)
    if database.not_found:
        app.add_exception_handler(DoesNotExist, _not_found)


async def _unavailable(request: Request, error: Exception) -> Response:
    return JSONResponse(
        {"detail": "The database is busy or does not answer. Try again."},
        status_code=503,
        headers={"Retry-After": str(RETRY_AFTER)},
    )


async def _not_found(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": "Not Found"}, status_code=404)
