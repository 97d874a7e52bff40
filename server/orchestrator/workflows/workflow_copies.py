"""Copies of workflows as files, for people and for their backups. The database is the truth; a copy follows it.

A copy is written behind the answer to whoever changed the workflow, and never in its way: what could not be written is
found at the next start, where the files are compared with the database. The name of a file is an id that we made.
"""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import sqlalchemy as sa
import structlog

from server.clock import to_timestamp
from server.database.database import Database
from server.orchestrator.workflows import workflow_store
from server.orchestrator.workflows.workflow_store import Stamp, WorkflowRow

WAITING_LIMIT: Final = 10_000
# Written in one turn: so many workflows, or fewer where they are large.
AT_ONCE: Final = 100
AT_ONCE_BYTES: Final = 4 * 1024 * 1024
# Between turns, so that whoever submits goes first: at least so long, and so many times as long as a turn took.
PAUSE_SECONDS: Final = 0.02
PAUSE_SHARE: Final = 4
# Before another try when the database could not be read.
AGAIN_SECONDS: Final = 5.0
# Workflows compared in one query.
COMPARED_AT_ONCE: Final = 1000

SUFFIX: Final = ".json"
PART: Final = ".part"

log: Final = structlog.get_logger(__name__)


class Copy(NamedTuple):
    """What a file is to hold; None where it is to go. `time` is the workflow's last change, in micros."""

    workflow_id: str
    content: bytes | None
    time: int


class WorkflowCopies:
    """The folder of the copies, kept up to date as long as `run` runs.

    At most `waiting_limit` changes wait to be copied; beyond that the files are compared with the database instead.
    """

    def __init__(self, database: Database, folder: Path, *, waiting_limit: int = WAITING_LIMIT) -> None:
        self._database = database
        self._folder = folder
        self._waiting_limit = waiting_limit
        self._waiting: dict[str, None] = {}
        self._behind = True
        self._wake = asyncio.Event()

    def changed(self, workflow_id: str) -> None:
        """Say that the workflow was stored, changed or deleted. Returns at once."""
        if len(self._waiting) < self._waiting_limit:
            self._waiting[workflow_id] = None
        else:
            self._behind = True
        self._wake.set()

    async def run(self) -> None:
        """Write copies until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._catch_up()
            except sa.exc.DBAPIError:
                log.warning("workflows could not be read to copy them; it is tried again", exc_info=True)
                self._behind = True
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                await self._wake.wait()

    async def _catch_up(self) -> None:
        while self._behind or self._waiting:
            if self._behind:
                self._behind = False
                await self._compare()
            await self._write([self._waiting.popitem()[0] for _ in range(min(AT_ONCE, len(self._waiting)))])

    async def _compare(self) -> None:
        """Bring every file up to date that differs from its workflow by the time of the last change."""
        times = await asyncio.to_thread(_times, self._folder)
        after = 0
        while stamps := await self._stamps(after):
            after = stamps[-1].number
            different = [stamp.workflow_id for stamp in stamps if _differs(stamp, times)]
            for start in range(0, len(different), AT_ONCE):
                await self._write(different[start : start + AT_ONCE])

    async def _stamps(self, after: int) -> Sequence[Stamp]:
        return await self._database.scan(
            lambda connection: workflow_store.stamps(connection, after=after, limit=COMPARED_AT_ONCE)
        )

    async def _write(self, workflow_ids: Sequence[str]) -> None:
        left = list(workflow_ids)
        while left:
            began = time.monotonic()
            copies = await self._copies(left)
            failures = await asyncio.to_thread(_store, self._folder, copies)
            if failures:
                log.warning(
                    "workflows were not copied; the next start makes up for it",
                    workflow_ids=list(failures),
                    error=next(iter(failures.values())),
                    folder=str(self._folder),
                )
            left = left[len(copies) :]
            await asyncio.sleep(max(PAUSE_SECONDS, PAUSE_SHARE * (time.monotonic() - began)))

    async def _copies(self, workflow_ids: Sequence[str]) -> Sequence[Copy]:
        return await self._database.scan(lambda connection: _copies(connection, workflow_ids))


def _differs(stamp: Stamp, times: Mapping[str, int]) -> bool:
    return times.get(stamp.workflow_id) != (None if stamp.deleted else stamp.update_time)


def _copies(connection: sa.Connection, workflow_ids: Sequence[str]) -> list[Copy]:
    """Return the copies of the first of `workflow_ids`, at least one, until they are large together."""
    copies: list[Copy] = []
    size = 0
    for workflow_id in workflow_ids:
        copies.append(_copy(connection, workflow_id))
        size += len(copies[-1].content or b"")
        if size > AT_ONCE_BYTES:
            break
    return copies


def _copy(connection: sa.Connection, workflow_id: str) -> Copy:
    row = workflow_store.find(connection, workflow_id)
    if row is None or row.delete_time is not None:
        return Copy(workflow_id, None, 0)
    version = workflow_store.read_version(connection, workflow_id, row.version)
    return Copy(workflow_id, _content(row, version.workflow_json), row.update_time)


def _content(row: WorkflowRow, workflow_json: str) -> bytes:
    """Return the text of a file. It can be uploaded again as it is."""
    return orjson.dumps(
        {
            "workflow_id": row.workflow_id,
            "workflow_name": row.name,
            "description": row.description,
            "version": row.version,
            "created_at": to_timestamp(row.create_time).ToJsonString(),
            "updated_at": to_timestamp(row.update_time).ToJsonString(),
            "workflow_json": orjson.Fragment(workflow_json),
        }
    )


def _times(folder: Path) -> dict[str, int]:
    """Return when each workflow of which there is a copy was changed, in micros. Half-written files are removed."""
    times: dict[str, int] = {}
    if not folder.is_dir():
        return times
    for entry in os.scandir(folder):
        if entry.name.endswith(SUFFIX + PART):
            (folder / entry.name).unlink(missing_ok=True)
        elif entry.name.endswith(SUFFIX):
            times[entry.name.removesuffix(SUFFIX)] = entry.stat().st_mtime_ns // 1000
    return times


def _store(folder: Path, copies: Sequence[Copy]) -> dict[str, str]:
    """Write or remove files. Returns why it failed, by workflow, for those it failed for."""
    failures: dict[str, str] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return dict.fromkeys((copy.workflow_id for copy in copies), _reason(error))
    for copy in copies:
        try:
            _store_one(f"{folder}/{copy.workflow_id}{SUFFIX}", copy)
        except OSError as error:
            failures[copy.workflow_id] = _reason(error)
    return failures


def _store_one(path: str, copy: Copy) -> None:
    """Write a file whole or not at all. Its time is that of the workflow, by which it is compared."""
    if copy.content is None:
        Path(path).unlink(missing_ok=True)
        return
    part = f"{path}{PART}"
    with open(part, "wb", buffering=0) as file:  # noqa: PTH123 - many thousands of them, and a Path costs as much again
        file.write(copy.content)
        os.utime(file.fileno(), ns=(copy.time * 1000, copy.time * 1000))
    os.replace(part, path)  # noqa: PTH105


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
