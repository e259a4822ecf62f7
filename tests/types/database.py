# pyright: reportUnnecessaryTypeIgnoreComment=true
"""The database: sessions, transactions, waiting, factories."""

from typing import assert_type

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trivium import App, Depends
from trivium.db import Database, Session, Signal, atomic, current_session, session, wait
from trivium.db.testing import Factory, factory


class Base(DeclarativeBase):
    pass


class Airline(Base):
    __tablename__ = "airlines"

    code: Mapped[str] = mapped_column(primary_key=True)


app = App()
app.install(Database("sqlite://", models=Base))
saved = Signal("saved")


@app.get("/airlines/{code}")
async def read(code: str, db: AsyncSession = Depends(session)) -> str | None:
    airline = await db.get(Airline, code)
    assert_type(airline, Airline | None)
    return airline.code if airline else None


@atomic
async def doubled(number: int) -> int:
    return number * 2


@atomic(retry=3)
async def tripled(number: int) -> int:
    return number * 3


@saved.connect(Airline)
def told(airline: Airline) -> None: ...


async def what_checkers_see(database: Database) -> None:
    """Decorated functions keep their types."""
    assert_type(await doubled(1), int)
    assert_type(await tripled(1), int)
    async with database.session() as db:
        assert_type(db, Session)
    async with atomic() as db:
        assert_type(db, Session)
    assert_type(current_session(), Session)
    assert_type(factory(Airline), Factory[Airline])
    assert_type(await factory(Airline)(), Airline)
    assert_type(await factory(Airline).batch(2), list[Airline])
    told(Airline(code="UA"))


def in_a_thread() -> None:
    """`wait` returns what comes out."""
    assert_type(wait(doubled(1)), int)


async def mistakes() -> None:
    """What both checkers find."""
    await doubled("1")  # type: ignore[arg-type]  # a number is asked for
    wait(1)  # type: ignore[arg-type]  # nothing to wait for
