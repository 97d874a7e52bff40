"""Writes rows to the database at the URL given, and prints the number of each once it is answered, until killed."""

import asyncio
import sys

import sqlalchemy as sa

from server.database.database import Database, open_database

WRITERS = 8
INSERT = sa.text("INSERT INTO kept VALUES (:number)")


async def main(url: str) -> None:
    database = await open_database(url)
    await asyncio.gather(*(write(database, writer) for writer in range(WRITERS)))


async def write(database: Database, writer: int) -> None:
    number = writer
    while True:
        await keep(database, number)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += WRITERS


async def keep(database: Database, number: int) -> None:
    await database.write(lambda connection: connection.execute(INSERT, {"number": number}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
