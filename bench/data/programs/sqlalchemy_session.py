"""SQLAlchemy's own ORM session."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.data.operations import TABLE

engine: Any = None
Session: async_sessionmaker[AsyncSession]


class Base(DeclarativeBase): ...


class Flight(Base):
    __tablename__ = TABLE
    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str] = mapped_column(String(2))
    number: Mapped[int]
    origin: Mapped[str] = mapped_column(String(3))
    dest: Mapped[str] = mapped_column(String(3))
    distance: Mapped[int]
    dep_delay: Mapped[float | None]
    departure: Mapped[datetime] = mapped_column(DateTime(timezone=True))


async def open(url: str) -> None:
    global engine, Session
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=2)
    Session = async_sessionmaker(engine, expire_on_commit=False)


async def close() -> None:
    await engine.dispose()


async def one(key: int) -> Any:
    async with Session() as session:
        return await session.get(Flight, key)


async def twenty(carrier: str) -> list[Any]:
    async with Session() as session:
        query = select(Flight).where(Flight.carrier == carrier).order_by(Flight.id).limit(20)
        return list((await session.scalars(query)).all())


async def insert(values: dict[str, Any]) -> int:
    async with Session() as session:
        flight = Flight(**values)
        session.add(flight)
        await session.commit()
        return flight.id


async def change(key: int) -> int:
    async with Session() as session, session.begin():
        flight = await session.get_one(Flight, key)
        flight.distance += 1
        await session.flush()
        return flight.distance


def prepared(rows: list[dict[str, Any]]) -> list[Flight]:
    return [Flight(**row) for row in rows]


async def bulk(flights: list[Flight]) -> None:
    async with Session() as session:
        session.add_all(flights)
        await session.commit()
