"""Where prompts are kept: functions over a connection. Where one stands is told by its Task."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from server.comfy import prompt_view, session_store
from server.comfy.new_task import PROMPT_KIND, new_prompt, prompt_subject
from server.comfy.prompt_view import PromptRow
from server.comfy.session_row import SessionRow
from server.comfy.tables import COMFY_PROMPTS
from server.database.text import storable
from server.errors import NotFound
from server.tasks import store
from server.tasks.tables import ARTIFACTS, LEASED, LIMITED_WAITING, TASKS, WAITING
from server.tasks.task import NewTask, TaskRow
from switchyard.comfy.v1.comfy_worker_service_pb2 import SendPrompt
from switchyard.comfy.v1.prompt_pb2 import Prompt


class Filters(NamedTuple):
    """Which prompts; what is empty or None stands for all."""

    session: str = ""
    tenant: str | None = None
    status: Prompt.Status.ValueType = Prompt.STATUS_UNSPECIFIED


def insert(
    connection: sa.Connection, session: SessionRow, payload: SendPrompt, *, timeout_seconds: int, now: int
) -> TaskRow:
    """Store a prompt that waits and return its Task."""
    new = new_prompt(session.tenant, session.url, payload, timeout_seconds=timeout_seconds)
    task = store.insert(connection, new, now=now)
    values = {
        "number": task.number,
        "id": task.id,
        "tenant": session.tenant,
        "session": session.name,
        "session_id": session.id,
    }
    connection.execute(_INSERT, values)
    return task


def get(connection: sa.Connection, prompt_id: str) -> PromptRow | None:
    """Return the prompt of that id, None when there is none."""
    rows = _rows(connection, connection.execute(_BY_ID, {"prompt_id": prompt_id}))
    return rows[0] if rows else None


def require(connection: sa.Connection, prompt_id: str, *, tenant: str | None) -> PromptRow:
    """Return the prompt if a caller of `tenant` may see it; None sees all.

    Raises:
        NotFound: there is none of that id, or it is not theirs.
    """
    row = get(connection, storable(prompt_id))
    if row is None or tenant not in (None, row.task.tenant):
        raise NotFound(f"Prompt not found: {prompt_id}", prompt_id=prompt_id)
    return row


def page(connection: sa.Connection, filters: Filters, *, before_number: int | None, limit: int) -> list[PromptRow]:
    """Return at most `limit` prompts that pass `filters`, newest first."""
    query = _ALL.order_by(COMFY_PROMPTS.c.number.desc()).limit(limit)
    if filters.session:
        query = query.where(COMFY_PROMPTS.c.session == storable(filters.session))
    if filters.tenant is not None:
        query = query.where(COMFY_PROMPTS.c.tenant == filters.tenant)
    if filters.status:
        query = query.where(_has_status(filters.status))
    if before_number is not None:
        query = query.where(COMFY_PROMPTS.c.number < before_number)
    return _rows(connection, connection.execute(query))


def counts(connection: sa.Connection, session_id: str) -> Mapping[Prompt.Status.ValueType, int]:
    """Return how many prompts of a session have which status."""
    found: dict[Prompt.Status.ValueType, int] = {}
    for state, error_type, count in connection.execute(_COUNTS, {"subject": prompt_subject(session_id)}):
        status = prompt_view.status(state, error_type)
        found[status] = found.get(status, 0) + int(count)
    return found


def unfinished(connection: sa.Connection, session_id: str) -> list[PromptRow]:
    """Return the prompts of a session that wait or run, oldest first."""
    return _rows(connection, connection.execute(_UNFINISHED, {"session_id": session_id}))


def running(connection: sa.Connection, session_id: str) -> PromptRow | None:
    """Return the prompt of a session that ComfyUI has, None when it has none."""
    rows = _rows(connection, connection.execute(_RUNNING, {"session_id": session_id}))
    return rows[0] if rows else None


def newest_number(connection: sa.Connection, session_id: str) -> int:
    """Return the number of the newest prompt of a session, 0 when it has none."""
    return int(connection.execute(_NEWEST_NUMBER, {"session_id": session_id}).scalar_one() or 0)


def changed(
    connection: sa.Connection, session_id: str, *, behind_number: int, or_numbers: Collection[int]
) -> list[PromptRow]:
    """Return the prompts of a session behind a number, and those of `or_numbers`, oldest first."""
    given = {"session_id": session_id, "behind": behind_number, "numbers": list(or_numbers)}
    return _rows(connection, connection.execute(_CHANGED, given))


def anything_ahead(connection: sa.Connection, first: TaskRow) -> bool:
    """Whether a prompt has to end before `first`, which waits, is sent: one at its ComfyUI, or an older one."""
    given = {"key": first.concurrency_key, "subject": first.subject, "number": first.number}
    return bool(connection.execute(_AHEAD, given).scalar_one())


def any_waiting(connection: sa.Connection, session_id: str) -> bool:
    """Whether a prompt of the session waits."""
    return bool(connection.execute(_ANY_WAITING, {"subject": prompt_subject(session_id)}).scalar_one())


def left_behind(connection: sa.Connection, *, limit: int) -> list[str]:
    """Return the ids of at most `limit` prompts that wait for a session that is over."""
    return list(connection.execute(_LEFT_BEHIND, {"limit": limit}).scalars())


def waiting_of(connection: sa.Connection, session_id: str) -> list[str]:
    """Return the ids of the prompts of a session that wait, oldest first."""
    return list(connection.execute(_WAITING_OF, {"session_id": session_id}).scalars())


def unfinished_of(connection: sa.Connection, session_id: str) -> list[str]:
    """Return the ids of the prompts of a session that wait or run, oldest first."""
    return list(connection.execute(_UNFINISHED_OF, {"session_id": session_id}).scalars())


def set_comfy_id(connection: sa.Connection, prompt_id: str, comfy_prompt_id: str) -> None:
    """Note by which id ComfyUI knows a prompt."""
    connection.execute(_SET_COMFY_ID, {"at_id": prompt_id, "comfy": comfy_prompt_id})


def on_final(connection: sa.Connection, prompt: TaskRow, now: int) -> Sequence[NewTask]:
    """Note that the session was used until now."""
    session_store.touch(connection, prompt_view.payload(prompt).session_id, now=now)
    return []


def _rows(connection: sa.Connection, found: Iterable[Any]) -> list[PromptRow]:
    """Return prompts with the numbers of their files, given their ids at ComfyUI and their Tasks."""
    pairs = [(row[0], TaskRow(*row[1:])) for row in found]
    ids = [task.id for _, task in pairs]
    counted = connection.execute(_FILE_COUNTS, {"ids": ids}) if ids else ()
    files: dict[str, int] = {task_id: int(count) for task_id, count in counted}
    return [PromptRow(task, comfy_prompt_id, files.get(task.id, 0)) for comfy_prompt_id, task in pairs]


def _has_status(status: Prompt.Status.ValueType) -> sa.ColumnElement[bool]:
    in_state = TASKS.c.state.in_([state for state, shown in prompt_view.STATUS.items() if shown == status])
    if status == Prompt.STATUS_LOST:
        return TASKS.c.error_type.in_(sorted(prompt_view.LOST))
    if status == Prompt.STATUS_ERROR:
        return sa.and_(in_state, TASKS.c.error_type.not_in(sorted(prompt_view.LOST)))
    return in_state


_INSERT: Final = sa.insert(COMFY_PROMPTS)
_FROM: Final = COMFY_PROMPTS.join(TASKS, TASKS.c.number == COMFY_PROMPTS.c.number)
_ALL: Final = sa.select(COMFY_PROMPTS.c.comfy_prompt_id, *TASKS.c).select_from(_FROM)
_BY_ID: Final = _ALL.where(COMFY_PROMPTS.c.id == sa.bindparam("prompt_id"))
_OF_SESSION: Final = COMFY_PROMPTS.c.session_id == sa.bindparam("session_id")
_NOT_FINAL: Final = sa.or_(WAITING, LEASED)
_UNFINISHED: Final = _ALL.where(_OF_SESSION, _NOT_FINAL).order_by(COMFY_PROMPTS.c.number)
_RUNNING: Final = _ALL.where(_OF_SESSION, LEASED).limit(1)
_CHANGED: Final = _ALL.where(
    _OF_SESSION,
    sa.or_(
        COMFY_PROMPTS.c.number > sa.bindparam("behind"),
        COMFY_PROMPTS.c.number.in_(sa.bindparam("numbers", expanding=True)),
    ),
).order_by(COMFY_PROMPTS.c.number)
_NEWEST_NUMBER: Final = sa.select(sa.func.max(COMFY_PROMPTS.c.number)).where(_OF_SESSION)
_COUNTS: Final = (
    sa.select(TASKS.c.state, TASKS.c.error_type, sa.func.count())
    .where(TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == PROMPT_KIND)
    .group_by(TASKS.c.state, TASKS.c.error_type)
)
_FILE_COUNTS: Final = (
    sa.select(ARTIFACTS.c.task_id, sa.func.count())
    .where(ARTIFACTS.c.task_id.in_(sa.bindparam("ids", expanding=True)))
    .group_by(ARTIFACTS.c.task_id)
)
_NEXT: Final = (
    sa.select(TASKS.c.number)
    .where(LIMITED_WAITING, TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == PROMPT_KIND)
    .order_by(TASKS.c.priority, TASKS.c.number)
    .limit(1)
    .scalar_subquery()
)
_AHEAD: Final = sa.select(
    sa.or_(
        sa.exists().where(LEASED, TASKS.c.concurrency_key == sa.bindparam("key")),
        sa.func.coalesce(sa.bindparam("number") > _NEXT, sa.false()),
    )
)
_ANY_WAITING: Final = sa.select(
    sa.exists().where(LIMITED_WAITING, TASKS.c.subject == sa.bindparam("subject"), TASKS.c.kind == PROMPT_KIND)
)
_WAITING_OF: Final = (
    sa.select(COMFY_PROMPTS.c.id).select_from(_FROM).where(_OF_SESSION, WAITING).order_by(COMFY_PROMPTS.c.number)
)
_UNFINISHED_OF: Final = (
    sa.select(COMFY_PROMPTS.c.id).select_from(_FROM).where(_OF_SESSION, _NOT_FINAL).order_by(COMFY_PROMPTS.c.number)
)
_HOLDER: Final = TASKS.alias("holder")
_SESSION_ID: Final = (
    sa.select(COMFY_PROMPTS.c.session_id)
    .where(COMFY_PROMPTS.c.number == TASKS.c.number)
    .correlate(TASKS)
    .scalar_subquery()
)
_LEFT_BEHIND: Final = (
    sa.select(TASKS.c.id)
    .where(
        WAITING,
        TASKS.c.kind == PROMPT_KIND,
        sa.exists().where(_HOLDER.c.id == _SESSION_ID, _HOLDER.c.end_time.is_not(None)),
    )
    .limit(sa.bindparam("limit"))
)
_SET_COMFY_ID: Final = (
    sa.update(COMFY_PROMPTS)
    .where(COMFY_PROMPTS.c.id == sa.bindparam("at_id"))
    .values(comfy_prompt_id=sa.bindparam("comfy"))
)
