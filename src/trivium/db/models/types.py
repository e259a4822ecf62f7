"""Column types for annotations that SQLAlchemy alone would store less well."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Enum, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

__all__ = ["ANNOTATED_TYPES", "JSON_TYPE", "UtcDateTime"]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: an aware ``datetime``, stored in UTC and given back in UTC.

    PostgreSQL has a type for it; in other databases the column holds UTC without a zone. A value
    without a time zone is refused with ``ValueError``, because it does not say which moment it is.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type that the database is asked for."""
        if dialect.name in ("mysql", "mariadb"):
            from sqlalchemy.dialects.mysql import DATETIME

            # without the precision it would drop the microseconds
            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """An aware value in UTC; without its zone where the database keeps none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(
                f"{value!r} has no time zone, so it is no moment; use datetime.now(UTC), or declare"
                " the column as mapped_column(DateTime()) if it holds local times"
            )
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def values_of(members: type[enum.Enum]) -> list[str]:
    """What is stored of an Enum: the values, which are what an API shows as well."""
    return [str(member.value) for member in members]


# MySQL has no VARCHAR without a length; 255 is what an index of it can hold.
TEXT = String().with_variant(String(255), "mysql", "mariadb")
JSON_TYPE = JSON().with_variant(JSONB(), "postgresql")

ANNOTATED_TYPES: dict[Any, Any] = {
    str: TEXT,
    datetime: UtcDateTime(),
    # Text with a CHECK rather than a type of PostgreSQL's: a new member is one constraint replaced.
    enum.Enum: Enum(
        enum.Enum, native_enum=False, create_constraint=True, length=64, values_callable=values_of
    ),
    dict: JSON_TYPE,
    list: JSON_TYPE,
    dict[str, Any]: JSON_TYPE,
    dict[str, str]: JSON_TYPE,
    dict[str, int]: JSON_TYPE,
    dict[str, float]: JSON_TYPE,
    list[Any]: JSON_TYPE,
    list[str]: JSON_TYPE,
    list[int]: JSON_TYPE,
    list[float]: JSON_TYPE,
    list[dict[str, Any]]: JSON_TYPE,
}
