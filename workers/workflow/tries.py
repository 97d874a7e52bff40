"""Blocks that go on after a failure: the tries of a retry, the stages of a try. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from workers.workflow.blocks import Again, Block, Cause, GoTo, Jump, LeaveFrom, Move, WayEnds
from workers.workflow.errors import (
    ExpressionInvalid,
    GraphInvalid,
    LimitExceeded,
    MissingInput,
    NodeFailed,
    SecretUnknown,
    Stopped,
    Timeout,
    WorkflowError,
)
from workers.workflow.registry import Leave


class Pauses(NamedTuple):
    """Pauses before so many further tries, in seconds: `first`, then each `factor` times as long, up to `longest`."""

    further: int
    first: float
    factor: float
    longest: float

    def before(self, number: int) -> float:
        """Return the pause before try `number`, 2 or more."""
        try:
            return min(self.longest, self.first * self.factor ** (number - 2))
        except OverflowError:
            return self.longest


class Retry(Block):
    """Tries of a block, until one ends well."""

    def __init__(self, body: str, pauses: Pauses, *, success: str, failure: str | None, tries: int = 0) -> None:
        """`failure` None: the last error goes on."""
        super().__init__()
        self._body = body
        self._pauses = pauses
        self._success = success
        self._failure = failure
        self._tries = tries

    def next_move(self) -> Move:  # noqa: D102  see Block
        if self._tries == 0:
            self._tries = 1
            return Leave(self._body, {"attempt_number": 1})
        self.finished = True
        return Leave(self._success, {"attempt_number": self._tries})

    def intercept(self, cause: Cause) -> Move | None:  # noqa: D102  see Block
        if isinstance(cause, Jump) and cause.kind != "finish" and cause.target == self.owner:
            return self.next_move()
        if not isinstance(cause, NodeFailed):
            return None
        if self._tries > self._pauses.further:
            self.finished = True
            outputs = {"attempt_number": self._tries, "error_message": cause.reason, "error_type": cause.error_type}
            return None if self._failure is None else Leave(self._failure, outputs)
        self._tries += 1
        pause = self._pauses.before(self._tries)
        return Again(self._body, {"attempt_number": self._tries}, pause)

    def takes(self, error: WorkflowError) -> bool:  # noqa: D102  see Block
        return isinstance(error, NodeFailed)

    def state(self) -> Any:  # noqa: D102  see Block
        return [self._body, list(self._pauses), self._success, self._failure, self._tries]

    @staticmethod
    def reopened(state: Any) -> "Retry":
        """Return the retry that had this state."""
        body, pauses, success, failure, tries = state
        return Retry(body, Pauses(*pauses), success=success, failure=failure, tries=tries)


@dataclass(frozen=True, slots=True)
class Stages:
    """How the parts of a try are drawn: as nodes of their own, or as ports of the try itself; None where there is none.

    `body` is a port. `after` is where to go on when all is done, `after_body` when there was no error and no `after`.
    `error_types` are the words of errors that are caught in lower case, empty for all.
    """

    body: str
    catch: GoTo | Leave | None
    finally_: GoTo | Leave | None
    after: LeaveFrom | None
    after_body: LeaveFrom | None = None
    error_types: frozenset[str] = frozenset()


class Guard(Block):
    """A try: its body; if that fails its catch; in every case its finally."""

    def __init__(self, stages: Stages) -> None:
        super().__init__()
        self._stages = stages
        self.ends = frozenset(part.node_id for part in (stages.catch, stages.finally_) if isinstance(part, GoTo))
        self._stage: Literal["", "body", "catch", "finally"] = ""
        # What goes on when the finally is through.
        self._pending: Cause | None = None
        self.error: WorkflowError | None = None

    def next_move(self) -> Move:  # noqa: D102  see Block
        if not self._stage:
            self._stage = "body"
            return Leave(self._stages.body, {})
        if self._stage != "finally" and self._stages.finally_ is not None:
            self._stage = "finally"
            return self._stages.finally_
        self.finished = True
        if self._pending is not None:
            raise self._pending
        if self._stages.after is None and self.error is None and self._stages.after_body is not None:
            return self._stages.after_body
        return self._stages.after or WayEnds()

    def intercept(self, cause: Cause) -> Move | None:  # noqa: D102  see Block
        if isinstance(cause, WorkflowError):
            self.error = cause
            if self._stages.catch is not None and self.takes(cause):
                self._stage = "catch"
                self.names.update(error_message=cause.reason, error_type=cause.error_type, error_node=cause.node_id)
                return self._stages.catch
        if self._stage in ("body", "catch") and self._stages.finally_ is not None:
            self._stage, self._pending = "finally", cause
            return self._stages.finally_
        return None

    def takes(self, error: WorkflowError) -> bool:  # noqa: D102  see Block
        if self._stage != "body" or self._stages.catch is None or not isinstance(error, NodeFailed):
            return False
        return not self._stages.error_types or error.error_type.lower() in self._stages.error_types

    def state(self) -> Any:  # noqa: D102  see Block
        return [self._stage, _told(self._pending), _told(self.error)]

    @staticmethod
    def reopened(state: Any, stages: Stages) -> "Guard":
        """Return the try that had this state."""
        guard = Guard(stages)
        guard._stage, pending, error = state
        guard._pending = _cause_of(pending)
        found = _cause_of(error)
        guard.error = found if isinstance(found, WorkflowError) else None
        return guard


def _told(cause: Cause | None) -> Any:
    match cause:
        case None:
            return None
        case Jump():
            return ["jump", cause.kind, cause.target]
    # A node may fail by a class of its own; what matters here is that it failed.
    return [_name_of(cause), cause.reason, cause.node_id, cause.error_type]


def _cause_of(told: Any) -> Cause | None:
    if told is None:
        return None
    name, *rest = told
    if name == "jump":
        return Jump(*rest)
    reason, node_id, error_type = rest
    return _ERRORS[name](reason, node_id=node_id, error_type=error_type)


def _name_of(error: WorkflowError) -> str:
    return next(name for name, kind in _ERRORS.items() if isinstance(error, kind))


# The more special ones first.
_ERRORS: Final[Mapping[str, type[WorkflowError]]] = {
    kind.__name__: kind
    for kind in (
        MissingInput,
        ExpressionInvalid,
        SecretUnknown,
        NodeFailed,
        GraphInvalid,
        LimitExceeded,
        Timeout,
        Stopped,
        WorkflowError,
    )
}
