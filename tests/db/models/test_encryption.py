"""Encrypted columns: ciphertext in the database, text in the program."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from trivium.db import Database, Encrypted, FieldError, InvalidValue, Model, execute
from trivium.db.errors import DbError

KEYS = [Fernet.generate_key().decode()]
OLD = Fernet.generate_key().decode()


class Base(Model, base=True):
    pass


class Passenger(Base):
    passport: Mapped[str] = mapped_column(Encrypted(lambda: KEYS))
    phone: Mapped[str | None] = mapped_column(Encrypted([KEYS[0], OLD]))


class Older(Base):
    secret: Mapped[str] = mapped_column(Encrypted(OLD))


class Mistaken(Base):
    secret: Mapped[str] = mapped_column(Encrypted("no key"))


@pytest.fixture
async def tables(database_url: str) -> Any:
    async with Database(database_url, models=Base) as database:
        await database.create_tables()
        yield database


@pytest.mark.essential
async def test_the_database_holds_ciphertext(tables: Database) -> None:
    async with tables.session():
        made = await Passenger.objects.create(passport="X-0123456789 é")

    async with tables.session():
        raw = (await execute(text("SELECT passport FROM passenger"))).scalar_one()
        found = await Passenger.objects.get(id=made.id)

    assert b"0123456789" not in bytes(raw)
    assert (found.passport, found.phone) == ("X-0123456789 é", None)


async def test_an_old_key_still_decrypts_and_another_does_not(tables: Database) -> None:
    async with tables.session():
        old = await Older.objects.create(secret="s")
        await execute(
            text("INSERT INTO passenger (passport, phone) SELECT secret, secret FROM older"),
            write=True,
        )
        phones = await Passenger.objects.values_list("phone", flat=True)
        assert phones == [old.secret]
        with pytest.raises(InvalidValue, match="key that Encrypted"):
            await Passenger.objects.values_list("passport", flat=True)


async def test_only_null_can_be_looked_for(tables: Database) -> None:
    async with tables.session():
        await Passenger.objects.create(passport="x")

        assert await Passenger.objects.filter(phone__isnull=True).count() == 1
        assert await Passenger.objects.filter(phone=None).count() == 1
        with pytest.raises(FieldError, match="encrypted"):
            await Passenger.objects.filter(passport="x")


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(DbError, match="generate_key"):
        Mistaken.__table__.c.secret.type.process_bind_param("x", None)
