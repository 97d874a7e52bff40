"""How sessions end: what is erased, and what becomes of the prompts that still wait."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import sqlalchemy as sa

from server.comfy import prompt_store, prompt_view, session_store
from server.errors import TaskFinal
from server.tasks import store
from server.tasks.kernel import Kernel
from server.tasks.store import FinalHooks
from server.tasks.task import NewTask, TaskRow
from switchyard.tasks.v1.task_pb2 import Task

_STOPPED: Final = "the session was stopped"
_LOST: Final = "the session was over before the prompt was sent"
# A session that is over is not used by what ends with it.
_NO_HOOKS: Final[FinalHooks] = {}


def on_session_final(connection: sa.Connection, session: TaskRow, now: int) -> Sequence[NewTask]:
    """End the prompts that wait, cancelled if the session was stopped and lost otherwise, and erase its secrets.

    Prompts that are at ComfyUI have leases of their own, which end by their worker's report or run out.
    """
    for prompt_id in prompt_store.waiting_of(connection, session.id):
        if session.state == Task.STATE_CANCELLED:
            store.cancel(connection, prompt_id, reason=_STOPPED, now=now, hooks=_NO_HOOKS)
        else:
            lose(connection, prompt_id, now=now)
    session_store.erase_secrets(connection, session.id)
    return []


def lose(connection: sa.Connection, prompt_id: str, *, now: int) -> TaskRow | None:
    """End a prompt that waits for a session that is over; None when it does not wait."""
    change = store.give_up(
        connection,
        prompt_id,
        error_type=prompt_view.LOST_TYPE,
        error_message=_LOST,
        now=now,
        hooks=_NO_HOOKS,
    )
    return None if change is None else change.task


def stop(connection: sa.Connection, session_id: str, kernel: Kernel, *, reason: str) -> list[TaskRow]:
    """Ask a session and its prompts to end and return what has changed, for `Kernel.announce`.

    Raises:
        TaskFinal: it has ended by itself.
    """
    now, hooks = kernel.clock(), kernel.final_hooks
    changed = list(store.cancel(connection, session_id, reason=reason, now=now, hooks=hooks).rows)
    for prompt_id in prompt_store.unfinished_of(connection, session_id):
        with suppress(TaskFinal):  # It has ended since it was looked at.
            changed += store.cancel(connection, prompt_id, reason=_STOPPED, now=now, hooks=hooks).rows
    return changed
