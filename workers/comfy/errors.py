"""How a call, a prompt or a whole session ends badly. Every message is for the caller, and holds no credential."""

from typing import ClassVar


class CallRefused(Exception):
    """A call of a session cannot be done; the session goes on."""

    # The end of a name of `AnswerCallRequest.Refusal.Reason`.
    reason: ClassVar[str]


class Invalid(CallRefused):
    """What the caller sent is at fault."""

    reason = "INVALID"


class GraphRefused(CallRefused):
    """ComfyUI does not take the graph."""

    reason = "GRAPH"


class NoWorkflow(CallRefused):
    """No workflow is open."""

    reason = "NO_WORKFLOW"


class Unreachable(CallRefused):
    """ComfyUI cannot be reached, or does not let us in; it may come back."""

    reason = "UNREACHABLE"


class SessionFailed(Exception):
    """A session cannot start, or cannot go on. The name of the class is the type of its Task's error."""


class ComfyUnreachable(SessionFailed):
    """Nobody answers at the address, or somebody else does."""


class ComfyRefused(SessionFailed):
    """ComfyUI does not let us in: the credentials are wrong."""


class PortTaken(SessionFailed):
    """Somebody else listens at the port."""


class BrowserGone(SessionFailed):
    """The browser cannot be started, or went away."""


class ConfigInvalid(SessionFailed):
    """This worker has no such browser as was asked for."""
