"""Where sessions are kept: functions over a connection. Where one stands is told by its Task alone."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from server.comfy.new_task import SESSION_KIND, new_session, session_subject
from server.comfy.session_row import NAME_IS_FREE, SessionRow, standing
from server.comfy.tables import COMFY_GRAPHS, COMFY_PROMPTS, COMFY_SESSIONS
from server.errors import SessionActive
from server.tasks import store
from server.tasks.tables import LEASED, TASKS, WAITING
from server.tasks.task import FINAL, TaskRow
from switchyard.comfy.v1.session_pb2 import Session
from switchyard.tasks.v1.task_pb2 import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session to be started. `sealed_credentials` is encrypted; `wanted_port` None leaves it to the worker."""

    tenant: str
    name: str
    url: str
    mode: Session.Mode.ValueType
    on_restart: Session.OnRestart.ValueType
    headless: bool
    wanted_port: int | None
    sealed_credentials: bytes


def insert(connection: sa.Connection, new: NewSession, *, now: int) -> TaskRow:
    """Store a session that waits for a worker and return its Task.

    Raises:
        SessionActive: one of that name lives.
    """
    subject = session_subject(new.tenant, new.name)
    store.lock_subject(connection, subject)
    earlier = newest(connection, new.tenant, new.name)
    if earlier is not None and standing(earlier) not in NAME_IS_FREE:
        raise SessionActive(new.name)
    task = store.insert(connection, new_session(new.tenant, new.name), now=now)
    values = {
        "number": task.number,
        "id": task.id,
        "tenant": new.tenant,
        "name": new.name,
        "url": new.url,
        "mode": new.mode,
        "on_restart": new.on_restart,
        "headless": new.headless,
        "wanted_port": new.wanted_port,
        "active_time": now,
        "dismissed": False,
        "closing": False,
        "workflow_open": False,
        "graph_count": 0,
        "credentials": new.sealed_credentials,
    }
    connection.execute(sa.insert(COMFY_SESSIONS), values)
    return task


def get(connection: sa.Connection, session_id: str) -> SessionRow | None:
    """Return the session of that id, None when there is none any more."""
    return _one(connection.execute(_BY_ID, {"session_id": session_id}))


def newest(connection: sa.Connection, tenant: str, name: str) -> SessionRow | None:
    """Return the session that was started last under a name, None when there is none."""
    task = store.newest_of_subject(connection, session_subject(tenant, name), SESSION_KIND)
    return None if task is None else get(connection, task.id)


def page(
    connection: sa.Connection, *, tenant: str | None, active: bool, before_number: int | None, limit: int
) -> list[SessionRow]:
    """Return at most `limit` sessions, newest first; of `tenant` if given, only those that live if `active`."""
    query = _ALL.order_by(COMFY_SESSIONS.c.number.desc()).limit(limit)
    if tenant is not None:
        query = query.where(COMFY_SESSIONS.c.tenant == tenant)
    if active:
        query = query.where(_LIVE)
    if before_number is not None:
        query = query.where(COMFY_SESSIONS.c.number < before_number)
    return [SessionRow._make(row) for row in connection.execute(query)]


def set_ready(
    connection: sa.Connection,
    session_id: str,
    *,
    port: int | None,
    sealed_endpoint: bytes | None,
    frontend_version: str | None,
    now: int,
) -> None:
    """Note that a session takes calls; repeated, since when is kept."""
    values = {
        "port": port,
        "browser_endpoint": sealed_endpoint,
        "frontend_version": frontend_version,
        "ready_time": sa.func.coalesce(COMFY_SESSIONS.c.ready_time, now),
        "active_time": now,
    }
    connection.execute(sa.update(COMFY_SESSIONS).where(_AT).values(values), {"at_id": session_id})


def set_workflow(connection: sa.Connection, session_id: str, *, path: str | None, node_count: int, now: int) -> None:
    """Note what is open."""
    values = {"workflow_open": True, "workflow_path": path, "node_count": node_count, "active_time": now}
    connection.execute(sa.update(COMFY_SESSIONS).where(_AT).values(values), {"at_id": session_id})


def touch(connection: sa.Connection, session_id: str, *, now: int) -> None:
    """Note that a session was used."""
    connection.execute(_TOUCH, {"at_id": session_id, "now": now})


def next_graph(connection: sa.Connection, session_id: str, *, now: int) -> int:
    """Return the number of the next graph of a session, from 1, and note that the session was used."""
    number: int = connection.execute(_NEXT_GRAPH, {"at_id": session_id, "now": now}).scalar_one()
    return number


def insert_graph(connection: sa.Connection, session_id: str, number: int, *, graph: str, workflow: str) -> None:
    """Store what was queued."""
    values = {"session_id": session_id, "number": number, "graph": graph, "workflow": workflow}
    connection.execute(sa.insert(COMFY_GRAPHS), values)


def graph(connection: sa.Connection, session_id: str, number: int) -> tuple[str, str]:
    """Return what was queued: the graph, and the workflow as the page has it."""
    row = connection.execute(_GRAPH, {"session_id": session_id, "number": number}).one()
    return row.graph, row.workflow


def dismiss(connection: sa.Connection, session_id: str) -> None:
    """Note that somebody has taken note of the loss of a session."""
    connection.execute(sa.update(COMFY_SESSIONS).where(_AT).values(dismissed=True), {"at_id": session_id})


def close(connection: sa.Connection, session_id: str) -> None:
    """Note that a session was stopped, and ends once its prompts have ended."""
    connection.execute(sa.update(COMFY_SESSIONS).where(_AT).values(closing=True), {"at_id": session_id})


def finished(connection: sa.Connection) -> list[str]:
    """Return the ids of sessions that were stopped and have no prompt any more that has not ended."""
    return list(connection.execute(_FINISHED).scalars())


def erase_secrets(connection: sa.Connection, session_id: str) -> None:
    """Forget credentials and the address of the browser."""
    values = {"credentials": None, "browser_endpoint": None}
    connection.execute(sa.update(COMFY_SESSIONS).where(_AT).values(values), {"at_id": session_id})


def idle(connection: sa.Connection, *, used_before: int) -> list[str]:
    """Return the ids of sessions that take calls, were last used before then, and have no prompt that has not ended."""
    return list(connection.execute(_IDLE, {"used_before": used_before}).scalars())


def never_ready(connection: sa.Connection, *, asked_before: int) -> list[str]:
    """Return the ids of sessions that live, were asked for before then, and are not ready yet."""
    return list(connection.execute(_NEVER_READY, {"asked_before": asked_before}).scalars())


def ended_before(connection: sa.Connection, *, older_than: int, limit: int) -> list[str]:
    """Return the ids of at most `limit` sessions that ended before then, the oldest first."""
    return list(connection.execute(_ENDED, {"older_than": older_than, "limit": limit}).scalars())


def delete(connection: sa.Connection, session_id: str) -> None:
    """Forget a session with its graphs and prompts. Their Tasks stay."""
    for table in (COMFY_GRAPHS, COMFY_PROMPTS):
        connection.execute(sa.delete(table).where(table.c.session_id == session_id))
    connection.execute(sa.delete(COMFY_SESSIONS).where(COMFY_SESSIONS.c.id == session_id))


def _one(result: sa.CursorResult[Any]) -> SessionRow | None:
    row = result.first()
    return None if row is None else SessionRow._make(row)


_FROM: Final = COMFY_SESSIONS.join(TASKS, TASKS.c.number == COMFY_SESSIONS.c.number)
_ALL: Final = sa.select(
    *COMFY_SESSIONS.c,
    TASKS.c.state,
    TASKS.c.create_time,
    TASKS.c.end_time,
    TASKS.c.cancel_reason,
    TASKS.c.error_type,
    TASKS.c.error_message,
).select_from(_FROM)
_BY_ID: Final = _ALL.where(COMFY_SESSIONS.c.id == sa.bindparam("session_id"))
_LIVE: Final = sa.or_(WAITING, LEASED)
_AT: Final = COMFY_SESSIONS.c.id == sa.bindparam("at_id")
_TOUCH: Final = sa.update(COMFY_SESSIONS).where(_AT).values(active_time=sa.bindparam("now"))
_NEXT_GRAPH: Final = (
    sa.update(COMFY_SESSIONS)
    .where(_AT)
    .values(graph_count=COMFY_SESSIONS.c.graph_count + 1, active_time=sa.bindparam("now"))
    .returning(COMFY_SESSIONS.c.graph_count)
)
_GRAPH: Final = sa.select(COMFY_GRAPHS.c.graph, COMFY_GRAPHS.c.workflow).where(
    COMFY_GRAPHS.c.session_id == sa.bindparam("session_id"), COMFY_GRAPHS.c.number == sa.bindparam("number")
)
_PROMPT: Final = TASKS.alias("prompt")
_HAS_PROMPTS: Final = sa.exists().where(
    _PROMPT.c.number == COMFY_PROMPTS.c.number,
    COMFY_PROMPTS.c.session_id == COMFY_SESSIONS.c.id,
    _PROMPT.c.state.not_in(sorted(int(state) for state in FINAL)),
)
_IDLE: Final = (
    sa.select(COMFY_SESSIONS.c.id)
    .select_from(_FROM)
    .where(
        LEASED,
        COMFY_SESSIONS.c.ready_time.is_not(None),
        COMFY_SESSIONS.c.active_time < sa.bindparam("used_before"),
        sa.not_(_HAS_PROMPTS),
    )
)
_FINISHED: Final = (
    sa.select(COMFY_SESSIONS.c.id)
    .select_from(_FROM)
    .where(LEASED, COMFY_SESSIONS.c.closing, sa.not_(_HAS_PROMPTS), TASKS.c.state != Task.STATE_CANCELLING)
)
_NEVER_READY: Final = (
    sa.select(COMFY_SESSIONS.c.id)
    .select_from(_FROM)
    .where(_LIVE, COMFY_SESSIONS.c.ready_time.is_(None), TASKS.c.create_time < sa.bindparam("asked_before"))
)
_ENDED: Final = (
    sa.select(COMFY_SESSIONS.c.id)
    .select_from(_FROM)
    .where(TASKS.c.end_time < sa.bindparam("older_than"))
    .order_by(COMFY_SESSIONS.c.number)
    .limit(sa.bindparam("limit"))
)
