"""Renews many leases in one unit of work: of all who ask within a moment."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import sqlalchemy as sa

from server.clock import SECOND, Clock
from server.database.away import BREAKS
from server.database.database import Database
from server.tasks import lifecycle
from server.tasks.tables import LEASED, TASKS
from switchyard.tasks.v1.task_pb2 import Task

State: TypeAlias = Task.State.ValueType

# Requests are gathered for so long; who renews a lease has a third of it left at least.
GATHER_SECONDS: Final = 0.05
# Leases in one statement; the databases take 32,766 parameters.
AT_ONCE: Final = 1_000


class HeldLease(NamedTuple):
    """A lease as its holder knows it."""

    task_id: str
    worker_id: str
    fencing_token: int


class _Request(NamedTuple):
    leases: Sequence[HeldLease]
    answer: "asyncio.Future[dict[str, State]]"


class Renewals:
    """Renews leases while `run` runs."""

    def __init__(self, database: Database, clock: Clock, *, lease_seconds: float) -> None:
        self._database = database
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._waiting: list[_Request] = []
        self._wake = asyncio.Event()

    async def renew(self, leases: Sequence[HeldLease]) -> dict[str, State]:
        """Renew leases and return, once that is on disk, the states of those Tasks that are still held."""
        request = _Request(leases, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._wake.set()
        return await request.answer

    async def run(self) -> None:
        """Renew what is asked for, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            requests, self._waiting = self._waiting, []
            await self._renew(requests)

    async def _renew(self, requests: Sequence[_Request]) -> None:
        leases = [lease for request in requests for lease in request.leases]
        until = self._clock() + round(self._lease_seconds * SECOND)
        try:
            states = await self._database.write(lambda connection: renew(connection, leases, until=until))
        except (*BREAKS, sa.exc.SQLAlchemyError) as error:
            for request in _unanswered(requests):
                request.answer.set_exception(error)
            return
        for request in _unanswered(requests):
            held = {lease.task_id: states[lease] for lease in request.leases if lease in states}
            request.answer.set_result(held)


def renew(connection: sa.Connection, leases: Iterable[HeldLease], *, until: int) -> dict[HeldLease, State]:
    """Let each of `leases` that is live last until then, and return the states of their Tasks."""
    # By id, as do all who take several Tasks, so that two units of work never wait for one another.
    ordered = sorted(set(leases))
    return {
        lease: state
        for start in range(0, len(ordered), AT_ONCE)
        for lease, state in _renew_some(connection, ordered[start : start + AT_ONCE], until)
    }


def _renew_some(
    connection: sa.Connection, leases: Sequence[HeldLease], until: int
) -> Iterator[tuple[HeldLease, State]]:
    values = [
        {"task": lease.task_id, "worker": lease.worker_id, "token": lease.fencing_token, "until": until}
        for lease in leases
    ]
    connection.execute(_RENEW, values)
    found = {row.id: row for row in connection.execute(_STATES, {"ids": [lease.task_id for lease in leases]})}
    for lease in leases:
        row = found.get(lease.task_id)
        if (
            row is not None
            and row.worker_id == lease.worker_id
            and lifecycle.holds(row.state, row.fencing_token, lease.fencing_token)
        ):
            yield lease, row.state


def _unanswered(requests: Iterable[_Request]) -> list[_Request]:
    """Return those whose caller still waits."""
    return [request for request in requests if not request.answer.done()]


_RENEW: Final = (
    sa.update(TASKS)
    .where(
        TASKS.c.id == sa.bindparam("task"),
        TASKS.c.worker_id == sa.bindparam("worker"),
        TASKS.c.fencing_token == sa.bindparam("token"),
        LEASED,
    )
    .values(lease_expire_time=sa.bindparam("until"))
)
_STATES: Final = sa.select(TASKS.c.id, TASKS.c.state, TASKS.c.worker_id, TASKS.c.fencing_token).where(
    TASKS.c.id.in_(sa.bindparam("ids", expanding=True))
)
