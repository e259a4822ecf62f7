"""Models with files."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from trivium.db import CASCADE, FileType, Model, SoftDelete, StoredFile, foreign_key
from trivium.storage import MemoryStorage

OWN = MemoryStorage()


class Base(Model, base=True):
    pass


def by_tail(plane: Any, filename: str) -> str:
    return f"planes/{plane.tail}/{filename[0]}"


class Plane(Base):
    tail: Mapped[str] = mapped_column(String(10), unique=True)
    photo: Mapped[StoredFile | None] = mapped_column(
        FileType("photos", types=["image/*"], max_size=1000)
    )
    manual: Mapped[StoredFile | None] = mapped_column(FileType(by_tail))
    notes: Mapped[list[Note]] = relationship(back_populates="plane")


class Note(Base):
    scan: Mapped[StoredFile] = mapped_column(FileType("scans"))
    plane_id: Mapped[int] = foreign_key(Plane, on_delete=CASCADE)
    plane: Mapped[Plane] = relationship(back_populates="notes")


class Letter(SoftDelete, Base):
    scan: Mapped[StoredFile] = mapped_column(FileType())


class Receipt(Base):
    scan: Mapped[StoredFile] = mapped_column(FileType(storage="kept", keep=True))


class Elsewhere(Base):
    scan: Mapped[StoredFile] = mapped_column(FileType(storage=OWN))


class Nowhere(Base):
    scan: Mapped[StoredFile] = mapped_column(FileType(storage="nowhere"))


class Labelled(Base):
    label: Mapped[StoredFile | None] = mapped_column(FileType())


@event.listens_for(Labelled, "before_insert")
def labelled(mapper: Any, connection: Any, row: Labelled) -> None:
    row.label = StoredFile(b"a label", filename="label.txt")


class PlainBase(DeclarativeBase):
    metadata = Base.metadata


class Plain(PlainBase):
    __tablename__ = "plain"

    id: Mapped[int] = mapped_column(primary_key=True)
    scan: Mapped[StoredFile] = mapped_column(FileType())
