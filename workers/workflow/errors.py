"""How a workflow ends badly. `error_type` is the word callers see and workflows can catch by."""

from typing import ClassVar


class WorkflowError(Exception):
    """A reason to end a run, in words for whoever drew the workflow. Names the node once it is known."""

    # Whether another attempt of the same graph may succeed.
    retryable: ClassVar[bool] = False

    def __init__(self, reason: str, *, node_id: str = "", error_type: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.node_id = node_id
        self.error_type = error_type or type(self).__name__

    def __str__(self) -> str:
        return f"Node {self.node_id!r}: {self.reason}" if self.node_id else self.reason


class GraphInvalid(WorkflowError):
    """The graph cannot be executed as it is drawn: an unknown type, a port that is not there, no pair, a dead end."""


class LimitExceeded(WorkflowError):
    """The run took more steps, loop turns or memory than a run may."""


class Timeout(WorkflowError):
    """The run took more time than it may."""


class Stopped(WorkflowError):
    """The run was asked to end."""


class NodeFailed(WorkflowError):
    """A node did not do what it should. What workflows can catch, retry or go on after."""

    retryable: ClassVar[bool] = True


class MissingInput(NodeFailed):
    """A required input was not given. Another attempt would miss it again."""

    retryable: ClassVar[bool] = False


class ExpressionInvalid(NodeFailed):
    """An expression cannot be read, or asks for what it may not do."""

    retryable: ClassVar[bool] = False


class AssertionFailed(NodeFailed):
    """What the author of the workflow said must hold does not."""

    retryable: ClassVar[bool] = False


class NotAllowed(NodeFailed):
    """A node wants what this installation refuses. Another attempt would be refused again."""

    retryable: ClassVar[bool] = False


class SecretUnknown(NodeFailed):
    """A secret that a node refers to does not exist."""

    retryable: ClassVar[bool] = False
