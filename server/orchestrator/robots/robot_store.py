"""Where robots are kept: functions over a connection, each part of its caller's transaction.

Whoever takes rows of robots and of Tasks takes those of the robots first, and several of one table by id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from server.database.point_read import PointRead
from server.errors import NotFound
from server.orchestrator.robots import lifecycle
from server.orchestrator.robots.robot import Facts, RobotRow, kinds_of
from server.orchestrator.tables import ROBOTS
from server.tasks.tables import CLAIMED_JOB, JOB, LEASED, TASKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a robot says of itself, or what is known of it, when it registers. `tenant` None leaves it as it is."""

    robot_id: str
    tenant: str | None
    hostname: str
    version: str
    takes_lan: bool
    takes_internet: bool
    max_jobs: int
    worker: bool


class Beat(NamedTuple):
    """A sign of life at `time` (micros). Figures are None where it says none."""

    time: int
    cpu_percent: float | None = None
    memory_mb: float | None = None
    memory_percent: float | None = None
    stopped: bool = False

    def after(self, before: "Beat") -> "Beat":
        """Return this one with the figures of the one before, as far as it says none."""
        return self._replace(
            cpu_percent=before.cpu_percent if self.cpu_percent is None else self.cpu_percent,
            memory_mb=before.memory_mb if self.memory_mb is None else self.memory_mb,
            memory_percent=before.memory_percent if self.memory_percent is None else self.memory_percent,
        )


def not_found(robot_id: str) -> NotFound:
    """Return the refusal of an id that no robot has."""
    return NotFound(f"Robot {robot_id} not found", robot_id=robot_id)


def statuses(connection: sa.Connection, now: int) -> list[RobotRow]:
    """Return every robot as it is at `now`, by id."""
    return _rows(connection.execute(_ALL), _held(connection.execute(_HELD)), now)


def page(connection: sa.Connection, *, tenant: str | None, after: str, limit: int, now: int) -> list[RobotRow]:
    """Return at most `limit` robots behind the id `after`, by id; of `tenant`, or of all for None."""
    query = _ALL.where(ROBOTS.c.id > after).limit(limit)
    if tenant is not None:
        query = query.where(ROBOTS.c.tenant == tenant)
    return _rows(connection.execute(query), _held(connection.execute(_HELD)), now)


def get(connection: sa.Connection, robot_id: str, now: int) -> RobotRow | None:
    """Return one robot as it is at `now`, None when there is none of that id."""
    rows = connection.execute(_ONE, {"robot": robot_id}).all()
    found = _rows(rows, _held(connection.execute(_HELD_BY, {"robot": robot_id})), now)
    return found[0] if found else None


def facts(connection: sa.Connection, robot_id: str) -> Facts | None:
    """Return what is known of a robot, None when there is none of that id."""
    row = _FACTS_OF.first(connection, robot=robot_id)
    return None if row is None else _facts(row)


def require_locked(connection: sa.Connection, robot_id: str) -> Facts:
    """Return what is known of a robot, and keep other transactions from changing it until this one ends.

    Raises:
        NotFound: there is none of that id.
    """
    row = _LOCKED.first(connection, robot=robot_id)
    if row is None:
        raise not_found(robot_id)
    return _facts(row)


def changed_since(connection: sa.Connection, time: int) -> list[Facts]:
    """Return what is known of robots that were changed at `time` or later, those removed too."""
    return [_facts(row) for row in connection.execute(_CHANGED, {"since": time})]


def register(connection: sa.Connection, new: Registration, *, now: int) -> Facts:
    """Make a robot known, or store what has changed about it, and return what is known now.

    One that is draining goes on draining, unless it was removed meanwhile.
    """
    values = {
        "id": new.robot_id,
        "tenant": new.tenant or "",
        "hostname": new.hostname,
        "version": new.version,
        "takes_lan": new.takes_lan,
        "takes_internet": new.takes_internet,
        "max_jobs": new.max_jobs,
        "draining": False,
        "worker": new.worker,
        "removed": False,
        "register_time": now,
        "change_time": now,
        "last_heartbeat": now,
        "stopped": False,
        "told_online": False,
    }
    statements = _REGISTER if new.tenant is None else _REGISTER_OF_TENANT
    row = connection.execute(statements[connection.dialect.name], values).one()
    return _facts(row)


def set_draining(connection: sa.Connection, robot_id: str, draining: bool, *, now: int) -> None:
    """Let a robot take jobs, or not."""
    connection.execute(_DRAIN, {"robot": robot_id, "new_draining": draining, "now": now})


def remove(connection: sa.Connection, robot_id: str, *, now: int) -> None:
    """Take a robot out. Its row stays for a while, for servers that know of it."""
    connection.execute(_REMOVE, {"robot": robot_id, "now": now})


def forget_removed(connection: sa.Connection, *, removed_before: int) -> int:
    """Delete the rows of robots that were removed before that time, and return how many there were."""
    return connection.execute(_FORGET, {"before": removed_before}).rowcount


def lost_workers(connection: sa.Connection, *, silent_since: int) -> list[str]:
    """Return the ids of workers of this installation that were silent since then; they do not come back."""
    return list(connection.execute(_LOST_WORKERS, {"before": silent_since}).scalars())


def save_beats(connection: sa.Connection, beats: Mapping[str, Beat]) -> None:
    """Store signs of life, by id of the robot; one that is older than what is stored changes nothing."""
    rows = [
        {
            "robot": robot_id,
            "new_time": beat.time,
            "new_cpu": beat.cpu_percent,
            "new_mb": beat.memory_mb,
            "new_memory": beat.memory_percent,
            "new_stopped": beat.stopped,
        }
        for robot_id, beat in sorted(beats.items())
    ]
    if rows:
        connection.execute(_SAVE_BEAT, rows)


def anybody_to_tell_of(connection: sa.Connection, *, silent_since: int, came_only: bool) -> bool:
    """Return whether `tell_come` or `tell_gone` would find a robot."""
    found = connection.execute(_ANYBODY_CAME if came_only else _ANYBODY, {"before": silent_since})
    return bool(found.scalar_one())


def tell_come(connection: sa.Connection, *, silent_since: int) -> list[Facts]:
    """Note that robots are there that were heard of after that time, and return those of which it was not noted."""
    return [_facts(row) for row in connection.execute(_COME, {"before": silent_since})]


def tell_gone(connection: sa.Connection, *, silent_since: int) -> list[Facts]:
    """Note that robots are gone that were silent since then, and return those of which it was not noted."""
    return [_facts(row) for row in connection.execute(_GONE, {"before": silent_since})]


def note_told(connection: sa.Connection, robot_id: str, *, online: bool) -> bool:
    """Note that a robot has come or gone, and return whether that was not noted before."""
    return connection.execute(_NOTE_TOLD, {"robot": robot_id, "new_online": online}).rowcount == 1


def job_count(connection: sa.Connection, robot_id: str) -> int:
    """Return how many jobs a robot holds."""
    row = _COUNT_HELD.first(connection, robot=robot_id)
    return 0 if row is None else int(row[0])


def held_jobs(connection: sa.Connection, robot_id: str) -> list[str]:
    """Return the ids of the jobs a robot holds, in their order."""
    return sorted(job_id for _, job_id in connection.execute(_HELD_BY, {"robot": robot_id}))


def holder(connection: sa.Connection, job_id: str) -> str | None:
    """Return who made the newest attempt of a job, also after its end; None for an id that is no job's."""
    row = _HOLDER.first(connection, job=job_id)
    return None if row is None else str(row[0])


def _rows(rows: Iterable[Sequence[Any]], held: Mapping[str, Sequence[str]], now: int) -> list[RobotRow]:
    return [_row(row, held.get(row[0], ()), now) for row in rows]


def _row(row: Sequence[Any], jobs: Sequence[str], now: int) -> RobotRow:
    robot_id, tenant, hostname, version, lan, internet, max_jobs, draining, worker, register_time, *beat = row
    last_heartbeat, stopped, cpu_percent, memory_mb, memory_percent = beat
    return RobotRow(
        id=robot_id,
        tenant=tenant,
        hostname=hostname,
        version=version,
        kinds=kinds_of(takes_lan=lan, takes_internet=internet),
        max_jobs=max_jobs,
        draining=bool(draining),
        worker=bool(worker),
        register_time=register_time,
        last_heartbeat=last_heartbeat,
        cpu_percent=cpu_percent,
        memory_mb=memory_mb,
        memory_percent=memory_percent,
        status=lifecycle.status(last_heartbeat=last_heartbeat, stopped=stopped, job_count=len(jobs), now=now),
        current_job_id=jobs[0] if jobs else None,
        job_count=len(jobs),
    )


def _held(rows: Iterable[Sequence[Any]]) -> dict[str, list[str]]:
    """Return the jobs each robot holds, by its id."""
    held: dict[str, list[str]] = {}
    for robot_id, job_id in rows:
        held.setdefault(robot_id, []).append(job_id)
    return held


def _facts(row: Sequence[Any]) -> Facts:
    """Return the first columns of a row; a driver without SQLAlchemy between gives numbers for truth."""
    robot_id, tenant, hostname, version, lan, internet, max_jobs, draining, worker, removed, *times = row
    return Facts(
        robot_id,
        tenant,
        hostname,
        version,
        bool(lan),
        bool(internet),
        max_jobs,
        bool(draining),
        bool(worker),
        bool(removed),
        *times,
    )


_FACTS: Final = (
    ROBOTS.c.id,
    ROBOTS.c.tenant,
    ROBOTS.c.hostname,
    ROBOTS.c.version,
    ROBOTS.c.takes_lan,
    ROBOTS.c.takes_internet,
    ROBOTS.c.max_jobs,
    ROBOTS.c.draining,
    ROBOTS.c.worker,
    ROBOTS.c.removed,
    ROBOTS.c.register_time,
    ROBOTS.c.change_time,
)
_SHOWN: Final = (
    ROBOTS.c.id,
    ROBOTS.c.tenant,
    ROBOTS.c.hostname,
    ROBOTS.c.version,
    ROBOTS.c.takes_lan,
    ROBOTS.c.takes_internet,
    ROBOTS.c.max_jobs,
    ROBOTS.c.draining,
    ROBOTS.c.worker,
    ROBOTS.c.register_time,
    ROBOTS.c.last_heartbeat,
    ROBOTS.c.stopped,
    ROBOTS.c.cpu_percent,
    ROBOTS.c.memory_mb,
    ROBOTS.c.memory_percent,
)
_THERE: Final = ROBOTS.c.removed == sa.false()
_THIS: Final = ROBOTS.c.id == sa.bindparam("robot")
_BEFORE: Final = sa.bindparam("before", type_=sa.BigInteger)
_NOW: Final = sa.bindparam("now", type_=sa.BigInteger)

_ALL: Final = sa.select(*_SHOWN).where(_THERE).order_by(ROBOTS.c.id)
_ONE: Final = sa.select(*_SHOWN).where(_THERE, _THIS)
_SELECT_FACTS: Final = sa.select(*_FACTS).where(_THERE, _THIS)
_FACTS_OF: Final = PointRead(_SELECT_FACTS)
_LOCKED: Final = PointRead(_SELECT_FACTS.with_for_update())
_CHANGED: Final = sa.select(*_FACTS).where(ROBOTS.c.change_time >= sa.bindparam("since"))

_HELD: Final = sa.select(TASKS.c.worker_id, TASKS.c.id).where(LEASED, JOB).order_by(TASKS.c.start_time, TASKS.c.number)
# By the index of jobs by robot, in which those that are leased stand together.
_OF_ROBOT: Final = sa.and_(CLAIMED_JOB, LEASED, TASKS.c.last_worker_id == sa.bindparam("robot"))
_HELD_BY: Final = sa.select(TASKS.c.worker_id, TASKS.c.id).where(_OF_ROBOT).order_by(TASKS.c.start_time, TASKS.c.number)
_COUNT_HELD: Final = PointRead(sa.select(sa.func.count()).select_from(TASKS).where(_OF_ROBOT))
_HOLDER: Final = PointRead(sa.select(TASKS.c.last_worker_id).where(TASKS.c.id == sa.bindparam("job"), JOB))

# What a robot that was removed had is not what it has when it comes back.
_KEPT: Final = ("tenant", "draining", "register_time", "told_online")


def _register(insert: sqlite.Insert | postgresql.Insert, kept: Sequence[str]) -> sa.Insert | Any:
    new = {
        "hostname": insert.excluded.hostname,
        "version": insert.excluded.version,
        "takes_lan": insert.excluded.takes_lan,
        "takes_internet": insert.excluded.takes_internet,
        "max_jobs": insert.excluded.max_jobs,
        "worker": insert.excluded.worker,
        "removed": insert.excluded.removed,
        "change_time": insert.excluded.change_time,
        "last_heartbeat": insert.excluded.last_heartbeat,
        "stopped": insert.excluded.stopped,
    }
    stays = {name: sa.case((_THERE, ROBOTS.c[name]), else_=insert.excluded[name]) for name in kept}
    tenant = {} if "tenant" in kept else {"tenant": insert.excluded.tenant}
    return insert.on_conflict_do_update(index_elements=["id"], set_=new | stays | tenant).returning(*_FACTS)


_REGISTER: Final = {
    "sqlite": _register(sqlite.insert(ROBOTS), _KEPT),
    "postgresql": _register(postgresql.insert(ROBOTS), _KEPT),
}
_REGISTER_OF_TENANT: Final = {
    "sqlite": _register(sqlite.insert(ROBOTS), _KEPT[1:]),
    "postgresql": _register(postgresql.insert(ROBOTS), _KEPT[1:]),
}
_DRAIN: Final = (
    sa.update(ROBOTS).where(_THIS).values(draining=sa.bindparam("new_draining", type_=sa.Boolean), change_time=_NOW)
)
_REMOVE: Final = sa.update(ROBOTS).where(_THIS).values(removed=True, change_time=_NOW)
_FORGET: Final = sa.delete(ROBOTS).where(sa.not_(_THERE), ROBOTS.c.change_time < _BEFORE)
_LOST_WORKERS: Final = (
    sa.select(ROBOTS.c.id)
    .where(_THERE, ROBOTS.c.worker == sa.true(), ROBOTS.c.last_heartbeat <= _BEFORE)
    .order_by(ROBOTS.c.id)
)
_SAVE_BEAT: Final = (
    sa.update(ROBOTS)
    .where(_THIS, _THERE, ROBOTS.c.last_heartbeat <= sa.bindparam("new_time", type_=sa.BigInteger))
    .values(
        last_heartbeat=sa.bindparam("new_time", type_=sa.BigInteger),
        cpu_percent=sa.func.coalesce(sa.bindparam("new_cpu", type_=sa.Double), ROBOTS.c.cpu_percent),
        memory_mb=sa.func.coalesce(sa.bindparam("new_mb", type_=sa.Double), ROBOTS.c.memory_mb),
        memory_percent=sa.func.coalesce(sa.bindparam("new_memory", type_=sa.Double), ROBOTS.c.memory_percent),
        stopped=sa.bindparam("new_stopped", type_=sa.Boolean),
    )
)
_NOTE_TOLD: Final = (
    sa.update(ROBOTS)
    .where(_THIS, ROBOTS.c.told_online != sa.bindparam("new_online", type_=sa.Boolean))
    .values(told_online=sa.bindparam("new_online", type_=sa.Boolean))
)
_TOLD: Final = ROBOTS.c.told_online == sa.true()
_HERE: Final = sa.and_(ROBOTS.c.stopped == sa.false(), ROBOTS.c.last_heartbeat > _BEFORE)
_CAME: Final = sa.and_(_THERE, sa.not_(_TOLD), _HERE)
_WENT: Final = sa.and_(_THERE, _TOLD, sa.not_(_HERE))
_ANYBODY_CAME: Final = sa.select(sa.exists().where(_CAME))
_ANYBODY: Final = sa.select(sa.exists().where(sa.or_(_CAME, _WENT)))
_COME: Final = sa.update(ROBOTS).where(_CAME).values(told_online=True).returning(*_FACTS)
_GONE: Final = sa.update(ROBOTS).where(_WENT).values(told_online=False).returning(*_FACTS)
