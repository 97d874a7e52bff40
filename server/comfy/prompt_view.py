"""Prompts as the contract shows them: rows of the kernel in the words of ComfyUI. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from google.protobuf.any_pb2 import Any

from server.clock import to_timestamp
from server.comfy.live import Moment
from server.tasks.artifacts import ArtifactRow
from server.tasks.lifecycle import WORKER_LOST
from server.tasks.task import TaskRow
from switchyard.comfy.v1.comfy_worker_service_pb2 import SendPrompt, SendPromptResult
from switchyard.comfy.v1.prompt_pb2 import Prompt, PromptEvent, PromptResult
from switchyard.tasks.v1.task_pb2 import Task

# Total over the states of a Task.
STATUS: Final[Mapping[int, Prompt.Status.ValueType]] = {
    Task.STATE_QUEUED: Prompt.STATUS_QUEUED,
    Task.STATE_RUNNING: Prompt.STATUS_RUNNING,
    Task.STATE_CANCELLING: Prompt.STATUS_RUNNING,
    Task.STATE_SUCCEEDED: Prompt.STATUS_SUCCESS,
    Task.STATE_FAILED: Prompt.STATUS_ERROR,
    Task.STATE_CANCELLED: Prompt.STATUS_CANCELLED,
}

LOST_TYPE: Final = "Lost"
# Failures after which nobody knows how far a prompt came.
LOST: Final = frozenset({LOST_TYPE, WORKER_LOST})
# What a worker fails a prompt with that ComfyUI does not take.
GRAPH_REFUSED: Final = "GraphRefused"


class PromptRow(NamedTuple):
    """A prompt: its Task, its id at ComfyUI (None before it was sent), and how many files it left."""

    task: TaskRow
    comfy_prompt_id: str | None
    file_count: int


def status(state: int, error_type: str) -> Prompt.Status.ValueType:
    """Return the status of a prompt, given the state and the failure of its Task."""
    return Prompt.STATUS_LOST if state == Task.STATE_FAILED and error_type in LOST else STATUS[state]


def status_of(row: PromptRow) -> Prompt.Status.ValueType:
    """Return the status of a prompt."""
    return status(row.task.state, row.task.error_type)


def payload(task: TaskRow) -> SendPrompt:
    """Return what a Task is to send."""
    message = SendPrompt()
    Any.FromString(task.payload).Unpack(message)
    return message


def result(task: TaskRow) -> SendPromptResult:
    """Return what came of a Task; empty when its worker said nothing."""
    message = SendPromptResult()
    if task.result is not None:
        Any.FromString(task.result).Unpack(message)
    return message


def prompt(row: PromptRow, moment: Moment | None = None) -> Prompt:
    """Return a prompt. `moment` tells how far ComfyUI is with it, None when nobody has heard."""
    task, sent = row.task, payload(row.task)
    shown = Prompt(
        prompt_id=task.id,
        session=sent.session,
        session_id=sent.session_id,
        iteration=sent.iteration,
        status=status_of(row),
        comfy_prompt_id=row.comfy_prompt_id,
        seed=sent.seed if sent.HasField("seed") else None,
        result_count=row.file_count,
        create_time=to_timestamp(task.create_time),
        error=_error(task),
    )
    if task.state == Task.STATE_SUCCEEDED:
        shown.progress = 1.0
    elif moment is not None and not task.final:
        _set_moment(shown, moment)
    if task.start_time is not None:
        shown.start_time.CopyFrom(to_timestamp(task.start_time))
    if task.end_time is not None:
        shown.end_time.CopyFrom(to_timestamp(task.end_time))
    return shown


def status_event(shown: Prompt, *, now: int) -> PromptEvent:
    """Return the event that tells how a prompt stands."""
    return PromptEvent(kind=PromptEvent.KIND_STATUS, prompt_id=shown.prompt_id, prompt=shown, time=to_timestamp(now))


def results(task: TaskRow, artifacts: Sequence[ArtifactRow]) -> list[PromptResult]:
    """Return the files that a prompt left, in the order its worker told; those it did not speak of come last."""
    stored = {row.name: row for row in artifacts}
    told = [one for one in result(task).results if one.name in stored]
    names = {one.name for one in told}
    untold = [PromptResult(name=row.name, filename=row.name) for row in artifacts if row.name not in names]
    return [_with_file(task.id, one, stored[one.name]) for one in (*told, *untold)]


def _with_file(prompt_id: str, told: PromptResult, row: ArtifactRow) -> PromptResult:
    return PromptResult(
        name=row.name,
        node_id=told.node_id,
        kind=told.kind,
        filename=told.filename,
        subfolder=told.subfolder,
        type=told.type,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        url=f"/workflow/results/{prompt_id}/{quote(row.name, safe='')}",
    )


def _set_moment(shown: Prompt, moment: Moment) -> None:
    if moment.fraction is not None:
        shown.progress = moment.fraction
    if moment.node_id is not None:
        shown.current_node = moment.node_id


def _error(task: TaskRow) -> Prompt.Error | None:
    if task.state != Task.STATE_FAILED:
        return None
    came = result(task)
    return Prompt.Error(
        type=task.error_type,
        message=task.error_message,
        node_id=came.node_id or None,
        node_type=came.node_type or None,
    )
