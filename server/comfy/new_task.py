"""The Tasks of ComfyUI: their kinds, subjects and limits. Pure."""

from typing import Final
from urllib.parse import urlsplit

from server.tasks.task import NewTask
from switchyard.comfy.v1.comfy_worker_service_pb2 import HoldSession, SendPrompt

SESSION_KIND: Final = "comfy_session"
PROMPT_KIND: Final = "comfy_prompt"
KINDS: Final = (SESSION_KIND, PROMPT_KIND)

# What callers name a session by when they do not name it.
DEFAULT_SESSION: Final = "default"

_SUBJECT_PREFIX: Final = "comfy_sessions/"
# Source: the default of `QueueWorkflowRequest.timeout_seconds`. Videos take hours.
PROMPT_SECONDS: Final = 21_600
# The longest that the kernel has.
_DAY_SECONDS: Final = 86_400


def session_subject(tenant: str, name: str) -> str:
    """Return the subject of the sessions of that name, of which one lives at a time."""
    return f"{_SUBJECT_PREFIX}{tenant}/{name}"


def prompt_subject(session_id: str) -> str:
    """Return the subject of the prompts of a session."""
    return f"{_SUBJECT_PREFIX}{session_id}"


def comfy_key(url: str) -> str:
    """Return the concurrency key of the prompts at the ComfyUI of `url`: of its origin, whatever the session."""
    parts = urlsplit(url)
    return f"comfy {parts.scheme}://{parts.netloc}"


def new_session(tenant: str, name: str) -> NewTask:
    """Return the Task that holds a session."""
    return NewTask(
        kind=SESSION_KIND,
        subject=session_subject(tenant, name),
        tenant=tenant,
        payload=HoldSession(name=name),
        attempt_timeout_seconds=_DAY_SECONDS,
        title=name,
    )


def new_prompt(tenant: str, url: str, payload: SendPrompt, *, timeout_seconds: int) -> NewTask:
    """Return the Task that sends a prompt. One of them is at a ComfyUI at a time."""
    return NewTask(
        kind=PROMPT_KIND,
        subject=prompt_subject(payload.session_id),
        tenant=tenant,
        payload=payload,
        attempt_timeout_seconds=timeout_seconds,
        concurrency_key=comfy_key(url),
        concurrency_limit=1,
        title=payload.session,
    )
