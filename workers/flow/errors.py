"""How a run ends badly. The name of the class is the `error_code` that callers see."""

from typing import Self


class FlowError(Exception):
    """A reason to end a run, in words for whoever wrote its steps. Holds no secret."""

    def __init__(self, reason: str, *, node_id: str = "", place: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.node_id = node_id
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}" if self.place else self.reason

    @property
    def error_type(self) -> str:
        """Short name a program can act on, for example "StepFailed"."""
        return type(self).__name__

    def at(self, place: str, node_id: str = "") -> Self:
        """Return this error with its place named, unless it has one: the innermost place is the useful one."""
        if self.place:
            return self
        return type(self)(self.reason, node_id=node_id, place=place)


class ConfigInvalid(FlowError):
    """config.yaml, a bot file, the cookies or the captions cannot be used as they are. Trying again changes nothing."""


class StepFailed(FlowError):
    """A step did not find or do what it should."""


class AddressRefused(StepFailed):
    """A step wanted to open an address that this installation does not allow."""


class Timeout(FlowError):
    """A step did not come back within its hard limit."""


class BrowserCrashed(FlowError):
    """The browser could not be started, or went away. Another attempt may help."""


class Cancelled(FlowError):
    """The run was asked to stop."""


# What a `try` step may catch: things that went wrong in a step, not a broken configuration, a lost browser or a stop.
CATCHABLE = (StepFailed, Timeout)
