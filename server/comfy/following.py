"""Follows prompts from how they stand to their end: no change of status is missed, whatever was heard in between."""

from collections.abc import AsyncGenerator, Sequence
from typing import Final

import sqlalchemy as sa

from server.clock import Clock
from server.comfy import prompt_store, prompt_view, session_store, session_view
from server.comfy.live import Live
from server.comfy.prompt_view import PromptRow
from server.comfy.session_row import Standing, standing
from server.database.database import Database
from server.tasks.kernel import LOOK_SECONDS
from switchyard.comfy.v1 import workflow_service_pb2 as pb
from switchyard.comfy.v1.prompt_pb2 import Prompt, PromptEvent

_LIVING: Final = (Standing.STARTING, Standing.READY, Standing.FINISHING, Standing.STOPPING)


class Following:
    """Gives events to one reader after the other."""

    def __init__(self, database: Database, live: Live, clock: Clock) -> None:
        self._database = database
        self._live = live
        self._clock = clock

    async def prompt(self, session_id: str, prompt_id: str) -> AsyncGenerator[pb.WatchPromptResponse, None]:
        """Yield what happens to a prompt, how it stands first, and its end last. Ends early if it is deleted."""
        told = Prompt.STATUS_UNSPECIFIED
        with self._live.follow(session_id, prompt_id) as follower:
            while True:
                row = None
                if await follower.wait(LOOK_SECONDS):
                    row = await self._database.read(lambda connection: prompt_store.get(connection, prompt_id))
                    if row is None:
                        return
                # What was reported before an end was on disk is here by now.
                events = follower.take()
                final = row is not None and row.task.final
                before, behind = (events, []) if final else ([], events)
                status_events = self._status_events(row, told)
                if told_events := [*before, *status_events, *behind]:
                    yield pb.WatchPromptResponse(events=told_events)
                if row is None:
                    continue
                told = prompt_view.status_of(row)
                if final:
                    yield pb.WatchPromptResponse(end=self._shown(row))
                    return

    async def session(self, session_id: str) -> AsyncGenerator[pb.WatchSessionResponse, None]:
        """Yield what happens to prompts of a session until it is over; first how those stand that have not ended."""
        progress = _Progress(session_id)
        with self._live.follow(session_id) as follower:
            while True:
                look = await follower.wait(LOOK_SECONDS)
                rows, over = await self._database.read(progress.look) if look else ([], None)
                events = follower.take()
                ends = [self._event(row) for row in rows if row.task.final]
                others = [self._event(row) for row in rows if not row.task.final]
                if told := [*others, *events, *ends]:
                    yield pb.WatchSessionResponse(events=told)
                if over is not None:
                    yield pb.WatchSessionResponse(end=pb.WatchSessionResponse.End(reason=over))
                    return

    def _status_events(self, row: PromptRow | None, told: Prompt.Status.ValueType) -> Sequence[PromptEvent]:
        return [] if row is None or prompt_view.status_of(row) == told else [self._event(row)]

    def _event(self, row: PromptRow) -> PromptEvent:
        return prompt_view.status_event(self._shown(row), now=self._clock())

    def _shown(self, row: PromptRow) -> Prompt:
        return prompt_view.prompt(row, self._live.moment(row.task.id))


class _Progress:
    """What a reader of a session was told: every prompt up to a number, and how those stand that may still change."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._number: int | None = None
        self._told: dict[int, Prompt.Status.ValueType] = {}

    def look(self, connection: sa.Connection) -> tuple[list[PromptRow], str | None]:
        """Return the prompts whose status was not told yet, and why the session is over, None while it is not."""
        # Before its prompts, which all end when it does.
        session = session_store.get(connection, self._session_id)
        over = None
        if session is None or standing(session) not in _LIVING:
            over = "" if session is None else session_view.reason(session)
        return [row for row in self._rows(connection) if self._note(row)], over

    def _rows(self, connection: sa.Connection) -> list[PromptRow]:
        if self._number is None:
            self._number = prompt_store.newest_number(connection, self._session_id)
            return prompt_store.unfinished(connection, self._session_id)
        return prompt_store.changed(
            connection, self._session_id, behind_number=self._number, or_numbers=tuple(self._told)
        )

    def _note(self, row: PromptRow) -> bool:
        """Note how a prompt stands, and return whether that is news."""
        status = prompt_view.status_of(row)
        news = self._told.get(row.task.number) != status
        self._number = max(self._number or 0, row.task.number)
        if row.task.final:
            self._told.pop(row.task.number, None)
        else:
            self._told[row.task.number] = status
        return news
