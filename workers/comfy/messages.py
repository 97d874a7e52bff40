"""What a worker and the run process of a session say to one another, beside `workers.runner.messages`.

Questions of the run process:

    READY       {port, browser_endpoint, frontend_version}, empty in direct mode: the session takes calls
    CALL        null          answered by the next call: {number, open: {...}} or {number, compose: {...}}
    ANSWER      {number, opened | composed | refusal: {...}}, fields of `AnswerCallRequest`
    PROMPT      null          answered by the next prompt: {id, seconds}, which it may take
    CANCELLED   id            answered when the prompt is to be stopped, or has ended
    FILE        [id, path]    answered when the file of the prompt is stored, refused when it cannot be
    ENDED       {id, state, message, node_id, node_type, results}, answered when the server knows

What it tells, of a prompt by its id:

    SENT        [id, id at ComfyUI]
    EVENTS      [id, micros, [{...}]], each a `workers.comfy.happenings.Happening`
    PROMPT_LOG  [id, level, text]

The state of an end is success, error or interrupted, as ComfyUI says, or refused, lost or timeout.

Workflows may be too large for a line. They lie in the folder of the run, one at a time of each kind: whoever reads one
takes it away.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

READY: Final = "comfy_ready"
CALL: Final = "comfy_call"
ANSWER: Final = "comfy_answer"
PROMPT: Final = "comfy_prompt"
CANCELLED: Final = "comfy_cancelled"
FILE: Final = "comfy_file"
ENDED: Final = "comfy_ended"

SENT: Final = "comfy_sent"
EVENTS: Final = "comfy_events"
PROMPT_LOG: Final = "comfy_log"

# The workflow of a call to open one.
OPEN_FILE: Final = ".open"
# What came of a call to compose.
COMPOSED_PROMPT_FILE: Final = ".composed-prompt"
COMPOSED_WORKFLOW_FILE: Final = ".composed-workflow"
# A prompt that is to be sent.
PROMPT_FILE: Final = ".prompt"
WORKFLOW_FILE: Final = ".workflow"


def lay(folder: Path, name: str, text: str) -> None:
    """Put a text where the other side takes it."""
    (folder / name).write_text(text, encoding="utf-8", newline="")


def take(folder: Path, name: str) -> str:
    """Take a text that the other side has laid; empty when there is none."""
    path = folder / name
    text = ""
    with suppress(FileNotFoundError):
        text = path.read_bytes().decode()
        path.unlink()
    return text
