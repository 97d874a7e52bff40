"""How a run ended, and the result.json that says so."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal

from workers.flow.errors import BrowserCrashed, Cancelled, FlowError

FILE_NAME: Final = "result.json"
# Steps that result.json lists; a longer run is counted on, and says so.
STEP_LIMIT: Final = 10_000

State = Literal["succeeded", "failed", "cancelled"]
# The words that the API uses for a run.
_STATUS: Final[Mapping[State, str]] = {"succeeded": "success", "failed": "error", "cancelled": "stopped"}


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step that was executed."""

    node_id: str
    node_type: str
    phase: str
    step: str
    # "success" or "error"
    status: str
    # Since the start of the run, and how long it took.
    start_ms: float
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    state: State
    # Steps that ran to their end, turns of a loop counted each.
    steps_finished: int
    # The variables at the end: what `extract` and `set` gave.
    outputs: Mapping[str, object]
    # All empty in a run that succeeded.
    error_type: str = ""
    error_message: str = ""
    node_id: str = ""
    # Whether the same run may succeed when it is tried again.
    retryable: bool = False


def outcome_of(error: FlowError | None, *, steps_finished: int, outputs: Mapping[str, object]) -> Outcome:
    """Return the outcome of a run that ended with `error`, None for one that did all it should."""
    if error is None:
        return Outcome("succeeded", steps_finished, outputs)
    return Outcome(
        state="cancelled" if isinstance(error, Cancelled) else "failed",
        steps_finished=steps_finished,
        outputs=outputs,
        error_type=error.error_type,
        error_message=str(error),
        node_id=error.node_id,
        retryable=isinstance(error, BrowserCrashed),
    )


def result_json(outcome: Outcome, steps: list[StepRecord], *, started: datetime, ended: datetime) -> bytes:
    """Write the result file; times are aware."""
    error = {"type": outcome.error_type, "message": outcome.error_message, "node_id": outcome.node_id}
    document = {
        "status": _STATUS[outcome.state],
        "error": error if outcome.state == "failed" else None,
        "started_at": started.isoformat(),
        "finished_at": ended.isoformat(),
        "duration_seconds": round((ended - started).total_seconds(), 3),
        "steps_finished": outcome.steps_finished,
        "outputs": outcome.outputs,
        "steps": [asdict(step) for step in steps],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()
