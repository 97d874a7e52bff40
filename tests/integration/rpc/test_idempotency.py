"""Calls repeated under one key."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from server.database.database import Database, open_database
from server.errors import IdempotencyConflict
from server.rpc import idempotency
from server.rpc.idempotency import IdempotencyKey
from switchyard.tasks.v1.task_service_pb2 import CancelTaskRequest, CancelTaskResponse
from tests.integration.database.databases import database_url

NOON: Final = 1_700_000_000_000_000
DAY: Final = 24 * 3600 * 1_000_000
KEY: Final = IdempotencyKey("k1", "CancelTask", "/ann")
REQUEST: Final = CancelTaskRequest(id="t1")


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(database_url(request.param, tmp_path))
    yield database
    await database.close()


async def call(
    database: Database, key: IdempotencyKey, request: CancelTaskRequest, answer: str, *, now: int = NOON
) -> str:
    """Do what a service does, and return the id of the Task in the answer."""

    def work(connection: sa.Connection) -> str:
        earlier = idempotency.remember(connection, key, request, now=now)
        if earlier is not None:
            return CancelTaskResponse.FromString(earlier).task.id
        response = CancelTaskResponse()
        response.task.id = answer
        idempotency.store_answer(connection, key, response)
        return answer

    return await database.write(work)


async def test_the_same_request_gets_the_first_answer_again(database: Database) -> None:
    await call(database, KEY, REQUEST, "first")

    assert await call(database, KEY, REQUEST, "second") == "first"


async def test_of_calls_at_the_same_moment_one_is_the_first(database: Database) -> None:
    answers = await asyncio.gather(*(call(database, KEY, REQUEST, f"number {n}") for n in range(8)))

    assert len(set(answers)) == 1


async def test_another_request_under_the_same_key_is_refused(database: Database) -> None:
    await call(database, KEY, REQUEST, "first")

    with pytest.raises(IdempotencyConflict):
        await call(database, KEY, CancelTaskRequest(id="t2"), "second")


@pytest.mark.parametrize(
    "other",
    [
        IdempotencyKey("k2", "CancelTask", "/ann"),
        IdempotencyKey("k1", "DeleteTask", "/ann"),
        IdempotencyKey("k1", "CancelTask", "/bob"),
    ],
)
async def test_key_method_and_caller_are_told_apart(database: Database, other: IdempotencyKey) -> None:
    await call(database, KEY, REQUEST, "first")

    assert await call(database, other, REQUEST, "second") == "second"


async def test_without_a_key_every_call_is_the_first(database: Database) -> None:
    nothing = IdempotencyKey("", "CancelTask", "/ann")
    await call(database, nothing, REQUEST, "first")

    assert await call(database, nothing, REQUEST, "second") == "second"


async def test_after_a_day_the_key_is_free_again(database: Database) -> None:
    await call(database, KEY, REQUEST, "first")
    assert await call(database, KEY, REQUEST, "second", now=NOON + DAY) == "first"

    assert await call(database, KEY, REQUEST, "third", now=NOON + DAY + 1) == "third"


async def test_a_call_that_failed_is_not_remembered(database: Database) -> None:
    def work(connection: sa.Connection) -> None:
        idempotency.remember(connection, KEY, REQUEST, now=NOON)
        raise RuntimeError("the work failed")

    with pytest.raises(RuntimeError):
        await database.write(work)

    assert await call(database, KEY, REQUEST, "second") == "second"
