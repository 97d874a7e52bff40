"""Takes robots out, and what is left of those that are gone."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import sqlalchemy as sa

from server.clock import SECOND
from server.database.after_commit import after_commit
from server.database.database import Database
from server.errors import NotFound
from server.orchestrator.robots import presence, robot_store, token_store
from server.orchestrator.robots.board import Board
from server.orchestrator.robots.robot import Facts
from server.periodic import repeat
from server.tasks import store
from server.tasks.kernel import Kernel

PERIOD_SECONDS: Final = 60.0
# The row of a robot that was removed: long enough for every server to hear of it.
REMOVED_SECONDS: Final = 86_400
# Workers of this installation have a new id in each life, so those that are silent for long are gone for good.
LOST_WORKER_SECONDS: Final = 3_600


class Removal:
    """Removes robots: when somebody says so, and by itself while `run` runs."""

    def __init__(self, database: Database, kernel: Kernel, board: Board) -> None:
        self._database = database
        self._kernel = kernel
        self._board = board

    async def remove(self, robot_id: str, may_see: Callable[[str], bool]) -> None:
        """Forget a robot, end its tokens and take its jobs away. `may_see` says whether the caller sees a tenant's.

        Raises:
            NotFound: there is no such robot.
        """

        def work(connection: sa.Connection) -> None:
            robot = robot_store.require_locked(connection, robot_id)
            if not may_see(robot.tenant):
                raise robot_store.not_found(robot_id)
            self._remove(connection, robot)

        await self._database.write(work)

    async def run(self) -> None:
        """Remove what is left of robots that are gone, until cancelled."""
        await repeat(
            self.clean,
            seconds=PERIOD_SECONDS,
            broken_off="robots that are gone could not be removed",
        )

    async def clean(self) -> None:
        """Do once what `run` does all the time."""
        now = self._kernel.clock()
        silent_since = now - LOST_WORKER_SECONDS * SECOND
        lost = await self._database.scan(partial(robot_store.lost_workers, silent_since=silent_since))
        for robot_id in lost:
            await self._database.write(partial(self._remove_lost, robot_id=robot_id, silent_since=silent_since))
        removed_before = now - REMOVED_SECONDS * SECOND
        await self._database.write(partial(robot_store.forget_removed, removed_before=removed_before))
        await self._database.write(partial(token_store.forget_expired, now=now))

    def _remove_lost(self, connection: sa.Connection, *, robot_id: str, silent_since: int) -> None:
        try:
            robot = robot_store.require_locked(connection, robot_id)
        except NotFound:
            return
        if robot_id in robot_store.lost_workers(connection, silent_since=silent_since):
            self._remove(connection, robot)

    def _remove(self, connection: sa.Connection, robot: Facts) -> None:
        now, hooks = self._kernel.clock(), self._kernel.final_hooks
        token_store.end_all(connection, robot.id)
        presence.went(connection, robot, now=now)
        robot_store.remove(connection, robot.id, now=now)
        self._board.changed(connection, replace(robot, removed=True, change_time=now))
        for job_id in robot_store.held_jobs(connection, robot.id):
            change = store.take_away(connection, job_id, robot.id, now=now, hooks=hooks)
            if change is not None:
                after_commit(connection, partial(self._kernel.announce, change.rows))
