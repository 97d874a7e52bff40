"""Refusals a caller can understand and act on.

One class per thing a caller would treat differently, named by the fact. `server.rpc.errors` turns them into a gRPC
status with `google.rpc.ErrorInfo`; anything else that is raised is a bug and crosses the wire as INTERNAL.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import grpc

from switchyard.errors.v1 import error_reason_pb2 as reasons


class Violation(NamedTuple):
    """One field of a request that is to blame, and what it must be ("must be at least 1").

    A message that begins with a capital is a sentence of its own.
    """

    field: str
    message: str

    @property
    def sentence(self) -> str:
        """The message for whoever does not see the field beside it."""
        return self.message if self.message[:1].isupper() else f"{self.field} {self.message}"


class SwitchyardError(Exception):
    """A refusal the caller can understand and act on."""

    status: ClassVar[grpc.StatusCode]
    reason: ClassVar[reasons.ErrorReason.ValueType]

    def __init__(self, message: str, *, violations: Sequence[Violation] = (), **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.violations = tuple(violations)
        self.metadata = metadata


class InvalidArgument(SwitchyardError):
    """A field of the request is missing or out of bounds; `violations` name each."""

    status = grpc.StatusCode.INVALID_ARGUMENT
    reason = reasons.ERROR_REASON_INVALID_ARGUMENT

    @classmethod
    def field(cls, name: str, message: str) -> "InvalidArgument":
        """Return the refusal of one field; `message` completes "<name> ..."."""
        return cls(f"{name} {message}", violations=[Violation(name, message)])

    def about(self, name: str) -> "InvalidArgument":
        """Return this refusal for a request that calls the field `name`."""
        return InvalidArgument(self.message, violations=[Violation(name, one.message) for one in self.violations])


class NotFound(SwitchyardError):
    """Nothing is known under this id, or it belongs to somebody else."""

    status = grpc.StatusCode.NOT_FOUND
    reason = reasons.ERROR_REASON_NOT_FOUND


class AlreadyExists(SwitchyardError):
    """Something of that name is there already."""

    status = grpc.StatusCode.ALREADY_EXISTS
    reason = reasons.ERROR_REASON_ALREADY_EXISTS


class TooLarge(SwitchyardError):
    """The body or a part of it is larger than allowed."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = reasons.ERROR_REASON_TOO_LARGE


class RunActive(SwitchyardError):
    """The instance has a Run that is queued or running."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_RUN_ACTIVE


class TaskFinal(SwitchyardError):
    """The Task has ended; nothing can change it any more."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_TASK_FINAL

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task {task_id!r} has already ended", task_id=task_id)


class LeaseLost(SwitchyardError):
    """The report's fencing token is not the newest, or the Task has ended."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_LEASE_LOST

    def __init__(self, task_id: str) -> None:
        super().__init__(f"the lease of task {task_id!r} is over", task_id=task_id)


class LogGap(SwitchyardError):
    """Log lines were sent that do not follow the last stored one."""

    status = grpc.StatusCode.OUT_OF_RANGE
    reason = reasons.ERROR_REASON_LOG_GAP

    def __init__(self, next_sequence: int) -> None:
        super().__init__(f"the next line must be number {next_sequence}", next_sequence=str(next_sequence))


class SessionEnded(SwitchyardError):
    """The browser session has ended already."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_SESSION_ENDED


class PositionGap(SwitchyardError):
    """Events were sent that do not follow the last acknowledged one."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_POSITION_GAP

    def __init__(self, next_position: int) -> None:
        super().__init__(f"events must go on at position {next_position}", next_position=str(next_position))


class IdempotencyConflict(SwitchyardError):
    """The same idempotency key was used with another request."""

    status = grpc.StatusCode.ABORTED
    reason = reasons.ERROR_REASON_IDEMPOTENCY_CONFLICT


class AddressRefused(InvalidArgument):
    """The address may not be called from here."""

    reason = reasons.ERROR_REASON_ADDRESS_REFUSED


class CredentialMissing(SwitchyardError):
    """The call carries no credential."""

    status = grpc.StatusCode.UNAUTHENTICATED
    reason = reasons.ERROR_REASON_CREDENTIAL_MISSING


class CredentialInvalid(SwitchyardError):
    """The credential is wrong or was revoked."""

    status = grpc.StatusCode.UNAUTHENTICATED
    reason = reasons.ERROR_REASON_CREDENTIAL_INVALID


class CredentialExpired(SwitchyardError):
    """The credential was good once."""

    status = grpc.StatusCode.UNAUTHENTICATED
    reason = reasons.ERROR_REASON_CREDENTIAL_EXPIRED


class PermissionDenied(SwitchyardError):
    """The credential is good and does not allow this."""

    status = grpc.StatusCode.PERMISSION_DENIED
    reason = reasons.ERROR_REASON_PERMISSION_DENIED


class TooManyAttempts(SwitchyardError):
    """Too many wrong passwords from one address. Metadata `retry_after` is in seconds."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = reasons.ERROR_REASON_TOO_MANY_ATTEMPTS


class LastAdmin(SwitchyardError):
    """Nobody would be left who may do everything."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_LAST_ADMIN

    def __init__(self, username: str) -> None:
        super().__init__(f"{username} is the last admin", username=username)


class Unavailable(SwitchyardError):
    """The server is stopping, or a part it needs is away."""

    status = grpc.StatusCode.UNAVAILABLE
    reason = reasons.ERROR_REASON_UNAVAILABLE


class NoProxy(SwitchyardError):
    """No proxy is fit to be used."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_NO_PROXY


class NotEnrolled(SwitchyardError):
    """The robot has no token that came from an enrolment."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_NOT_ENROLLED


class VersionConflict(SwitchyardError):
    """The workflow has another version by now than the one the change was made from."""

    status = grpc.StatusCode.ABORTED
    reason = reasons.ERROR_REASON_VERSION_CONFLICT

    def __init__(self, workflow_id: str, version: int) -> None:
        super().__init__(
            f"Workflow {workflow_id} has version {version} by now", workflow_id=workflow_id, version=str(version)
        )


class ReaderTooSlow(SwitchyardError):
    """The reader takes less than happens; what it was to get next is no longer kept."""

    status = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = reasons.ERROR_REASON_READER_TOO_SLOW

    def __init__(self) -> None:
        super().__init__("this reader is slower than things happen; connect again")


class JobActive(SwitchyardError):
    """The job is not final yet."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_JOB_ACTIVE

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} has not ended yet", job_id=job_id)


class ResumeOff(SwitchyardError):
    """The workflow does not say that a retry of its jobs goes on where the run was."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_RESUME_OFF

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"workflow {workflow_id} has no settings.resume", workflow_id=workflow_id)


class SessionActive(SwitchyardError):
    """A ComfyUI session of that name lives already."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_SESSION_ACTIVE

    def __init__(self, session: str) -> None:
        super().__init__(
            f"Session {session!r} is active already. Stop it first with POST /session/stop", session=session
        )


class PortTaken(SwitchyardError):
    """Somebody else listens at the port that was asked for."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_PORT_TAKEN


class NoCapacity(SwitchyardError):
    """No worker has room for a session."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_NO_CAPACITY


class ComfyUnreachable(SwitchyardError):
    """Nobody answers at the address of ComfyUI, or somebody else does."""

    status = grpc.StatusCode.INTERNAL
    reason = reasons.ERROR_REASON_COMFY_UNREACHABLE


class ComfyRefused(SwitchyardError):
    """ComfyUI does not let us in."""

    status = grpc.StatusCode.INTERNAL
    reason = reasons.ERROR_REASON_COMFY_REFUSED


class NoBrowser(SwitchyardError):
    """The worker that took the session has no browser for it."""

    status = grpc.StatusCode.INTERNAL
    reason = reasons.ERROR_REASON_NO_BROWSER


class NoSession(SwitchyardError):
    """There is no ComfyUI session of that name."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_NO_SESSION

    def __init__(self, session: str) -> None:
        super().__init__("No active browser session. Start a session first with POST /session/start", session=session)


class BrowserGone(SwitchyardError):
    """The browser of the session, or the worker that holds it, is away. Metadata `cause` says what is known of it."""

    status = grpc.StatusCode.UNAVAILABLE
    reason = reasons.ERROR_REASON_BROWSER_GONE

    def __init__(self, cause: str) -> None:
        super().__init__("Browser server not responding", cause=cause)


class GraphRefused(InvalidArgument):
    """ComfyUI does not take the graph."""

    reason = reasons.ERROR_REASON_GRAPH_REFUSED


class NoWorkflow(SwitchyardError):
    """No workflow was opened in the session."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_NO_WORKFLOW

    def __init__(self, session: str) -> None:
        super().__init__("No workflow is open. Open one first with POST /workflow/open", session=session)


class EnvironmentState(SwitchyardError):
    """The environment stands where this cannot be done."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_ENVIRONMENT_STATE


class EnvironmentFailed(SwitchyardError):
    """The provider could not do it."""

    status = grpc.StatusCode.INTERNAL
    reason = reasons.ERROR_REASON_ENVIRONMENT_FAILED


class QuotaExceeded(SwitchyardError):
    """The user would have more than their quota."""

    status = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_QUOTA_EXCEEDED
