"""Credentials of ComfyUI are seen by the worker that holds the session, and by nobody else."""

import asyncio
import base64
import logging
from typing import Any

import pytest
import sqlalchemy as sa

from server.comfy.tables import COMFY_SESSIONS
from server.database.metadata import METADATA
from tests.integration.comfy.holder import ENDPOINT, PASSWORD, USERNAME, Holders, get, post, start_body
from tests.integration.orchestrator.serving import Site

# As they are, and as basic authentication (RFC 7617) and URLs spell them.
SPELLINGS = (
    USERNAME,
    PASSWORD,
    "the-user-of-comfy:",
    "p%40ss",
    base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode(),
)


def everything(connection: sa.Connection) -> str:
    """Return all that is stored, as text."""
    return "\n".join(
        repr([bytes(value) if isinstance(value, memoryview) else value for value in row])
        for table in METADATA.sorted_tables
        for row in connection.execute(sa.select(*table.c))
    )


async def test_credentials_are_nowhere_while_a_session_lives_and_erased_afterwards(
    site: Site, holders: Holders, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"Idempotency-Key": "k"}
    starting = asyncio.create_task(site.http.post("/session/start", json=start_body(), headers=headers))
    holder = await holders.claim()
    assert (await holder.plan()).password == PASSWORD
    await holder.ready()
    holders.run(holder.follow())
    holders.run(holder.end_when_asked())
    answers = [(await starting).text]

    async def read() -> None:
        paths = ("/session/status", "/session/list", "/workflow/status", "/workflow/prompts", "/api/v1/audit")
        answers.extend([str(await get(site.http, path)) for path in paths])

    answers.append(str(await post(site.http, "/session/start", **start_body())))
    await read()
    living = await site.database.scan(everything)
    await post(site.http, "/session/stop")
    await read()

    written = "".join([*answers, caplog.text, *capfd.readouterr(), living, await site.database.scan(everything)])
    assert [one for one in SPELLINGS if one in written] == []
    assert ENDPOINT not in living
    assert await site.database.read(_sealed) == (None, None)
    if site.database.dialect == "sqlite":
        stored = b"".join(path.read_bytes() for path in site.data_dir.glob("switchyard.db*"))
        assert [one for one in SPELLINGS if one.encode() in stored] == []


@pytest.mark.parametrize("body", [{"port": 1}, {"session": "a b"}, {"mode": "x"}])
async def test_a_refusal_repeats_no_credentials(site: Site, body: dict[str, Any]) -> None:
    answer = await site.http.post("/session/start", json=start_body(**body))

    assert answer.status_code == 400
    assert [one for one in SPELLINGS if one in answer.text] == []


async def test_a_failed_start_leaves_no_credentials(site: Site) -> None:
    status, _ = await post(site.http, "/session/start", **start_body())

    assert status == 503
    assert await site.database.read(_sealed) == (None, None)


def _sealed(connection: sa.Connection) -> tuple[Any, Any]:
    columns = (COMFY_SESSIONS.c.credentials, COMFY_SESSIONS.c.browser_endpoint)
    row = connection.execute(sa.select(*columns)).one()
    return row.credentials, row.browser_endpoint
