"""asyncpg and nothing else: what everything is compared with."""

from typing import Any

import asyncpg

from bench.data.operations import COLUMNS, TABLE

pool: Any = None

ONE = f"SELECT id, {', '.join(COLUMNS)} FROM {TABLE} WHERE id = $1"
TWENTY = f"SELECT id, {', '.join(COLUMNS)} FROM {TABLE} WHERE carrier = $1 ORDER BY id LIMIT 20"
MARKS = ", ".join(f"${index}" for index in range(1, len(COLUMNS) + 1))
INSERT = f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES ({MARKS})"

CHANGE = f"UPDATE {TABLE} SET distance = $1 WHERE id = $2"


async def open(url: str) -> None:
    global pool
    pool = await asyncpg.create_pool(url, min_size=1, max_size=2)


async def close() -> None:
    await pool.close()


async def one(key: int) -> Any:
    async with pool.acquire() as connection:
        return dict(await connection.fetchrow(ONE, key))


async def twenty(carrier: str) -> list[Any]:
    async with pool.acquire() as connection:
        return [dict(row) for row in await connection.fetch(TWENTY, carrier)]


async def insert(values: dict[str, Any]) -> int:
    async with pool.acquire() as connection, connection.transaction():
        key: int = await connection.fetchval(f"{INSERT} RETURNING id", *values.values())
    return key


async def change(key: int) -> int:
    async with pool.acquire() as connection, connection.transaction():
        row = dict(await connection.fetchrow(ONE, key))
        row["distance"] += 1
        await connection.execute(CHANGE, row["distance"], key)
    distance: int = row["distance"]
    return distance


def prepared(rows: list[dict[str, Any]]) -> list[Any]:
    return [tuple(row.values()) for row in rows]


async def bulk(rows: list[Any]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.executemany(INSERT, rows)
