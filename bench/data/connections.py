"""Whether connections are left behind: 10,000 mixed requests, a tenth of them failing.

    python -m bench.data.connections --url postgresql://postgres@127.0.0.1/postgres

Reads, writes, broken SQL, constraints, errors after a write, cancelled requests, and connections
that are killed meanwhile: 25 at once over a pool of 5. At the end it says what the replies were,
how many connections the pool and the server hold, and whether exactly what was promised is stored.
Its tables, ``leak_airlines`` and ``leak_flights``, are made and dropped. Ends with status 1 where
something is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from typing import Any

from sqlalchemy import ForeignKey, String, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.responses import JSONResponse

from trivium import App, Depends, HTTPException
from trivium.db import Database, execute, session

POOL = 5
AT_ONCE = 25
NAME = "trivium-connections"
FAILING = ("conflict", "nonsense", "refused", "cancelled")


class Base(DeclarativeBase):
    pass


class Airline(Base):
    __tablename__ = "leak_airlines"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)


class Flight(Base):
    __tablename__ = "leak_flights"

    number: Mapped[int] = mapped_column(primary_key=True)
    airline_code: Mapped[str] = mapped_column(ForeignKey("leak_airlines.code"))


def create_app(database: Database) -> App:
    app = App()
    app.install(database)

    @app.exception_handler(IntegrityError)
    async def conflict(request: Any, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "conflict"}, 409)

    @app.get("/read")
    async def read(db: AsyncSession = Depends(session)) -> int:
        return (await db.execute(select(func.count()).select_from(Flight))).scalar_one()

    @app.post("/write/{number}")
    async def write(number: int, db: AsyncSession = Depends(session)) -> int:
        db.add(Flight(number=number, airline_code="UA"))
        return number

    @app.post("/conflict/{number}")
    async def break_constraint(number: int, db: AsyncSession = Depends(session)) -> None:
        db.add(Flight(number=-number, airline_code="XX"))

    @app.post("/nonsense/{number}")
    async def nonsense(number: int, db: AsyncSession = Depends(session)) -> None:
        await db.execute(text("SELECT nonsense"))

    @app.post("/refused/{number}")
    async def refuse(number: int, db: AsyncSession = Depends(session)) -> None:
        db.add(Flight(number=-number, airline_code="UA"))
        await db.flush()
        raise HTTPException(400)

    @app.post("/cancelled/{number}")
    async def cancelled(number: int, db: AsyncSession = Depends(session)) -> None:
        db.add(Flight(number=-number, airline_code="UA"))
        await db.flush()
        await asyncio.Event().wait()

    return app


async def ask(app: App, method: str, path: str) -> int:
    """The status of the reply."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    status = 0

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    try:
        await app(scope, receive, send)
    except Exception:
        return status or 500
    return status


async def one(app: App, kind: str, number: int) -> tuple[str, int]:
    if kind == "read":
        return kind, await ask(app, "GET", "/read")
    request = asyncio.create_task(ask(app, "POST", f"/{kind}/{number}"))
    if kind != "cancelled":
        return kind, await request
    await asyncio.sleep(0.005)
    request.cancel()
    try:
        return kind, await request
    except asyncio.CancelledError:
        return kind, 499


async def run(url: str, count: int, kills: int) -> bool:
    choose = random.Random(1)
    options: dict[str, Any] = {"pool_size": POOL, "max_overflow": 0, "pool_timeout": 30}
    if url.startswith("postgresql"):
        options["connect_args"] = {"server_settings": {"application_name": NAME}}
    async with Database(url, models=Base, **options) as base, Database(url) as observer:
        await base.drop_tables()
        await base.create_tables()
        async with base.session() as own:
            own.add(Airline(code="UA"))
            await own.commit()
        app = create_app(base)
        kinds = [
            choose.choice(FAILING) if number % 10 == 0 else choose.choice(("read", "write"))
            for number in range(count)
        ]
        replies: Counter[tuple[str, int]] = Counter()
        started = time.perf_counter()
        for first in range(0, count, AT_ONCE):
            batch = enumerate(kinds[first : first + AT_ONCE], first)
            requests = asyncio.gather(*(one(app, kind, n) for n, kind in batch))
            if kills and first % max(AT_ONCE, count // kills // AT_ONCE * AT_ONCE) == 0:
                await kill(observer)
            replies.update(await requests)
        seconds = time.perf_counter() - started
        held, idle = base.engine.pool.checkedout(), base.engine.pool.checkedin()
        server = await connections(observer)
        async with base.session():
            stored = (await execute(select(func.count()).select_from(Flight))).scalar_one()
        await base.drop_tables()
    for (kind, status), number in sorted(replies.items()):
        print(f"  {kind:10} {status}  {number}")
    promised = replies["write", 200]
    print(f"{count} requests in {seconds:.1f} s; rows promised {promised}, stored {stored}")
    print(f"pool of {POOL}: in use {held}, idle {idle}; the server counts {server}")
    return held == 0 and idle <= POOL and server <= POOL and stored == promised


OURS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = :name"


async def connections(observer: Database) -> int:
    """How many the server has of us; 0 where it cannot be asked."""
    if observer.dialect != "postgresql":
        return 0
    async with observer.session():
        return int((await execute(text(f"SELECT count(*) {OURS}"), {"name": NAME})).scalar_one())


async def kill(observer: Database) -> None:
    """Kills one connection, as an administrator does."""
    if observer.dialect == "postgresql":
        async with observer.session():
            await execute(text(f"SELECT pg_terminate_backend(pid) {OURS} LIMIT 1"), {"name": NAME})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    given = parser.parse_args()
    return 0 if asyncio.run(run(given.url, given.requests, given.kills)) else 1


if __name__ == "__main__":
    sys.exit(main())
