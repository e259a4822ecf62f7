"""Models whose rows point at each other by every ``on_delete`` rule, also in circles."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from trivium.db import CASCADE, RESTRICT, SET, SET_DEFAULT, Model, foreign_key


class Base(Model, base=True):
    """Tables of their own, apart from those of other tests."""


class Region(Base):
    name: Mapped[str] = mapped_column(String(20), unique=True)
    trucks: Mapped[list[Truck]] = relationship(back_populates="region")
    depots: Mapped[list[Depot]] = relationship(back_populates="region")


class Truck(Base):
    """Declared before the depots that it keeps: tables are in another order than deletions."""

    plate: Mapped[str] = mapped_column(String(20), unique=True)
    region_id: Mapped[int] = foreign_key(Region, on_delete=CASCADE)
    depot_id: Mapped[int] = foreign_key("depot.id", on_delete=RESTRICT)
    region: Mapped[Region] = relationship(back_populates="trucks")
    depot: Mapped[Depot] = relationship(back_populates="trucks")


class Depot(Base):
    name: Mapped[str] = mapped_column(String(20))
    region_id: Mapped[int] = foreign_key(Region, on_delete=CASCADE)
    region: Mapped[Region] = relationship(back_populates="depots")
    trucks: Mapped[list[Truck]] = relationship(back_populates="depot")


driver_friend = Table(
    "driver_friend",
    Base.metadata,
    Column("from_id", ForeignKey("driver.id", ondelete="CASCADE"), primary_key=True),
    Column("to_id", ForeignKey("driver.id", ondelete="CASCADE"), primary_key=True),
)


class Driver(Base):
    name: Mapped[str] = mapped_column(String(20))
    boss_id: Mapped[int | None] = foreign_key("driver.id", on_delete=CASCADE)
    truck_id: Mapped[int | None] = foreign_key(Truck, on_delete=SET_DEFAULT, default=1)
    spare_id: Mapped[int | None] = foreign_key(Truck, on_delete=SET(2))
    boss: Mapped[Driver | None] = relationship(remote_side="Driver.id", back_populates="team")
    team: Mapped[list[Driver]] = relationship(back_populates="boss")
    truck: Mapped[Truck | None] = relationship(foreign_keys=[truck_id])
    spare: Mapped[Truck | None] = relationship(foreign_keys=[spare_id])
    friends: Mapped[list[Driver]] = relationship(
        secondary=driver_friend,
        primaryjoin="Driver.id == driver_friend.c.from_id",
        secondaryjoin="Driver.id == driver_friend.c.to_id",
    )
    badge: Mapped[Badge | None] = relationship(back_populates="driver")


class Badge(Base):
    driver_id: Mapped[int] = foreign_key(Driver, on_delete=CASCADE, primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    driver: Mapped[Driver] = relationship(back_populates="badge")


class Key(Base):
    """A key and its lock go with each other."""

    name: Mapped[str] = mapped_column(String(20))
    lock_id: Mapped[int | None] = foreign_key("lock.id", on_delete=CASCADE)
    lock: Mapped[Lock | None] = relationship(foreign_keys=[lock_id])


class Lock(Base):
    name: Mapped[str] = mapped_column(String(20))
    key_id: Mapped[int | None] = foreign_key(Key, on_delete=CASCADE)
    key: Mapped[Key | None] = relationship(foreign_keys=[key_id])


MODELS = (Region, Truck, Depot, Driver, Badge, Key, Lock)


def rows() -> dict[str, list[dict[str, Any]]]:
    """Rows of all, in an order in which they can be stored; locks get their keys last."""
    return {
        "region": [{"id": n, "name": f"R{n}"} for n in (1, 2, 3)],
        "depot": [
            {"id": n, "name": f"D{n}", "region_id": region}
            for n, region in ((1, 1), (2, 1), (3, 2), (4, 3))
        ],
        "truck": [
            {"id": n, "plate": f"T{n}", "region_id": region, "depot_id": depot}
            for n, region, depot in ((1, 1, 1), (2, 1, 2), (3, 2, 3), (4, 3, 3), (5, 1, 1))
        ],
        "driver": [
            {"id": n, "name": f"N{n}", "boss_id": boss, "truck_id": truck, "spare_id": spare}
            for n, boss, truck, spare in (
                (1, None, 1, 2),
                (2, 1, 2, 3),
                (3, 2, 3, 4),
                (4, 2, 5, 5),
                (5, 5, None, 3),
                (6, None, 4, None),
            )
        ],
        "driver_friend": [
            {"from_id": one, "to_id": other} for one, other in ((1, 2), (2, 1), (3, 6), (6, 5))
        ],
        "badge": [{"driver_id": n, "code": f"B{n}"} for n in (1, 3, 5)],
        "lock": [{"id": n, "name": f"L{n}", "key_id": None} for n in (1, 2)],
        "key": [
            {"id": n, "name": f"K{n}", "lock_id": lock} for n, lock in ((1, 1), (2, 1), (3, 2))
        ],
    }
