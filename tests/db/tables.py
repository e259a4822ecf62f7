"""Two tables that refer to each other, in plain SQLAlchemy."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Airline(Base):
    __tablename__ = "airlines"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class Flight(Base):
    __tablename__ = "flights"
    __table_args__ = (CheckConstraint("number > 0", name="flights_number_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    airline_code: Mapped[str] = mapped_column(ForeignKey("airlines.code"))

    airline: Mapped[Airline] = relationship(lazy="raise")
