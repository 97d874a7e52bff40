"""A session as it is stored: its own row and that of its Task, which tells where it stands. Pure."""

from enum import Enum, auto
from typing import Final, NamedTuple

from server.comfy.new_task import comfy_key
from server.tasks.task import FINAL
from switchyard.comfy.v1.session_pb2 import Session
from switchyard.tasks.v1.task_pb2 import Task


class SessionRow(NamedTuple):
    """A session. Times are micros, None where unset; what is `sealed...` is encrypted, None once it was erased."""

    number: int
    id: str
    tenant: str
    name: str
    url: str
    mode: Session.Mode.ValueType
    on_restart: Session.OnRestart.ValueType
    headless: bool
    wanted_port: int | None
    port: int | None
    frontend_version: str | None
    ready_time: int | None
    active_time: int
    dismissed: bool
    closing: bool
    workflow_open: bool
    workflow_path: str | None
    node_count: int | None
    graph_count: int
    sealed_credentials: bytes | None
    sealed_endpoint: bytes | None
    # Of its Task.
    state: Task.State.ValueType
    create_time: int
    end_time: int | None
    cancel_reason: str
    error_type: str
    error_message: str

    @property
    def in_browser(self) -> bool:
        """Whether there is a browser, and not just a connection."""
        return self.mode == Session.MODE_BROWSER

    @property
    def comfy_key(self) -> str:
        """The concurrency key of its prompts."""
        return comfy_key(self.url)


class Standing(Enum):
    """What callers can do with a session."""

    STARTING = auto()
    READY = auto()
    # It was stopped and finishes its prompts; its name is free.
    FINISHING = auto()
    STOPPING = auto()
    # It broke off after it was ready, and nobody has taken note of it yet.
    GONE = auto()
    # It was stopped, or never got ready.
    OVER = auto()


# Another session of that name may be started.
NAME_IS_FREE: Final = frozenset({Standing.FINISHING, Standing.GONE, Standing.OVER})


def standing(row: SessionRow) -> Standing:
    """Return what callers can do with a session."""
    if row.state == Task.STATE_CANCELLING:
        return Standing.STOPPING
    if row.state not in FINAL:
        if row.closing:
            return Standing.FINISHING
        return Standing.STARTING if row.ready_time is None else Standing.READY
    broke_off = row.state != Task.STATE_CANCELLED and row.ready_time is not None
    return Standing.GONE if broke_off and not row.dismissed else Standing.OVER
