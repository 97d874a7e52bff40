"""Prompts in the words of ComfyUI."""

import pytest

from server.comfy import prompt_view
from switchyard.comfy.v1.prompt_pb2 import Prompt
from switchyard.tasks.v1.task_pb2 import Task


def test_every_state_of_a_task_is_a_status_of_a_prompt() -> None:
    assert set(prompt_view.STATUS) == set(Task.State.values()) - {Task.STATE_UNSPECIFIED}


@pytest.mark.parametrize(
    ("state", "error_type", "status"),
    [
        (Task.STATE_QUEUED, "", Prompt.STATUS_QUEUED),
        (Task.STATE_RUNNING, "", Prompt.STATUS_RUNNING),
        (Task.STATE_CANCELLING, "", Prompt.STATUS_RUNNING),
        (Task.STATE_SUCCEEDED, "", Prompt.STATUS_SUCCESS),
        (Task.STATE_FAILED, "NodeFailed", Prompt.STATUS_ERROR),
        (Task.STATE_FAILED, "Lost", Prompt.STATUS_LOST),
        (Task.STATE_FAILED, "WorkerLost", Prompt.STATUS_LOST),
        (Task.STATE_CANCELLED, "", Prompt.STATUS_CANCELLED),
    ],
)
def test_a_prompt_stands_as_its_task_does(state: int, error_type: str, status: int) -> None:
    assert prompt_view.status(state, error_type) == status
