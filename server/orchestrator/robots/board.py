"""Who has been heard of lately, kept in memory, and put into the database once a second.

Ten thousand robots send a thousand signs of life each second: each costs a look into a dictionary here, and a row of
one statement there. A server that dies takes with it what it heard in its last second, and nothing else.

What is known of robots besides is kept here too, so that a heartbeat asks nobody. Changes made by another server are
heard within a second; who decides something of lasting effect asks the database.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import sqlalchemy as sa

from server.clock import SECOND, Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.orchestrator.jobs import new_job
from server.orchestrator.robots import lifecycle, presence, robot_store
from server.orchestrator.robots.robot import Facts
from server.orchestrator.robots.robot_store import Beat
from server.periodic import repeat

PERIOD_SECONDS: Final = 1.0
# Changes are asked for anew for so long, because clocks differ and transactions take their time.
OVERLAP_SECONDS: Final = 5
# After so long a pause robots may have spoken and not been heard.
PAUSE_SECONDS: Final = 10


class Board:
    """What is known of every robot, and what was heard of them that is not stored yet."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, Facts] = {}
        self._known_until = 0
        self._unsaved: dict[str, Beat] = {}
        # Since when robots could speak to this server without a pause; None before its first look.
        self._heard_since: int | None = None
        self._last_look = 0

    async def find(self, robot_id: str) -> Facts:
        """Return what is known of a robot.

        Raises:
            NotFound: there is none of that id.
        """
        robot = self._known.get(robot_id)
        if robot is None:
            robot = await self._database.read(lambda connection: robot_store.facts(connection, robot_id))
        if robot is None:
            raise robot_store.not_found(robot_id)
        return robot

    def hear(self, robot_id: str, beat: Beat) -> None:
        """Note a sign of life. One without figures leaves those that came before."""
        before = self._unsaved.get(robot_id)
        if before is not None:
            beat = beat.after(before)
        self._unsaved[robot_id] = beat

    def changed(self, connection: sa.Connection, robot: Facts) -> None:
        """Know of a change as soon as the present unit of work is committed."""
        after_commit(connection, partial(self._note, robot))

    def barred_kinds(self, robot_id: str) -> Sequence[str]:
        """Return the kinds of Tasks that a robot, or a worker, may not claim at present."""
        robot = self._known.get(robot_id)
        return new_job.KINDS if robot is not None and robot.draining else ()

    async def run(self) -> None:
        """Store what was heard, tell who came and went, and hear of changes by others, until cancelled."""
        await repeat(self.look, seconds=PERIOD_SECONDS, broken_off="signs of life could not be stored")

    async def look(self) -> None:
        """Do once what `run` does all the time."""
        now = self._clock()
        if self._heard_since is None or now - self._last_look > PAUSE_SECONDS * SECOND:
            self._heard_since = now
        self._last_look = now
        heard_throughout = self._heard_since <= lifecycle.silent_since(now)
        await self._save(heard_throughout, now)
        await self._learn(now)

    async def _save(self, heard_throughout: bool, now: int) -> None:
        beats, self._unsaved = self._unsaved, {}
        try:
            if beats or await self._anything_to_tell(heard_throughout, now):
                await self._database.write(partial(_save, beats=beats, heard_throughout=heard_throughout, now=now))
        except BaseException:
            # What came meanwhile is newer.
            newer, self._unsaved = self._unsaved, beats
            for robot_id, beat in newer.items():
                self.hear(robot_id, beat)
            raise

    async def _anything_to_tell(self, heard_throughout: bool, now: int) -> bool:
        return await self._database.scan(
            lambda connection: presence.anything_to_tell(connection, heard_throughout=heard_throughout, now=now)
        )

    async def _learn(self, now: int) -> None:
        since = self._known_until - OVERLAP_SECONDS * SECOND
        changed = await self._database.scan(lambda connection: robot_store.changed_since(connection, since))
        self._known_until = now
        for robot in changed:
            self._note(robot)

    def _note(self, robot: Facts) -> None:
        known = self._known.get(robot.id)
        if known is not None and known.change_time > robot.change_time:
            return
        if robot.removed:
            self._known.pop(robot.id, None)
        else:
            self._known[robot.id] = robot


def _save(connection: sa.Connection, *, beats: Mapping[str, Beat], heard_throughout: bool, now: int) -> None:
    robot_store.save_beats(connection, beats)
    presence.look(connection, heard_throughout=heard_throughout, now=now)
