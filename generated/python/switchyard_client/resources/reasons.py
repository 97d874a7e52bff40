"""One exception for each reason of the contract.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..failure import SwitchyardError

__all__ = ['AddressRefused', 'AlreadyExists', 'BrowserGone', 'ComfyRefused', 'ComfyUnreachable', 'CredentialExpired', 'CredentialInvalid', 'CredentialMissing', 'EnvironmentFailed', 'EnvironmentState', 'GraphRefused', 'IdempotencyConflict', 'Internal', 'InvalidArgument', 'JobActive', 'LastAdmin', 'LeaseLost', 'LogGap', 'NoBrowser', 'NoCapacity', 'NoProxy', 'NoSession', 'NoWorkflow', 'NotEnrolled', 'NotFound', 'PermissionDenied', 'PortTaken', 'PositionGap', 'QuotaExceeded', 'ReaderTooSlow', 'ResumeOff', 'RunActive', 'SessionActive', 'SessionEnded', 'TaskFinal', 'TooLarge', 'TooManyAttempts', 'Unavailable', 'VersionConflict']


class InvalidArgument(SwitchyardError):
    """A field of the request is missing or out of bounds. BadRequest names each."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_INVALID_ARGUMENT"


class NotFound(SwitchyardError):
    """Nothing is known under this id, or it belongs to somebody else."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_NOT_FOUND"


class CredentialMissing(SwitchyardError):
    """The call carries no credential."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_CREDENTIAL_MISSING"


class CredentialInvalid(SwitchyardError):
    """The credential is wrong or was revoked."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_CREDENTIAL_INVALID"


class CredentialExpired(SwitchyardError):
    """The credential was good once."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_CREDENTIAL_EXPIRED"


class PermissionDenied(SwitchyardError):
    """The credential is good and does not allow this."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_PERMISSION_DENIED"


class TooManyAttempts(SwitchyardError):
    """Too many wrong passwords from one address."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_TOO_MANY_ATTEMPTS"


class TooLarge(SwitchyardError):
    """The body or a part of it is larger than allowed."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_TOO_LARGE"


class AlreadyExists(SwitchyardError):
    """Something of that name is there already."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_ALREADY_EXISTS"


class RunActive(SwitchyardError):
    """The instance has a Run that is queued or running."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_RUN_ACTIVE"


class TaskFinal(SwitchyardError):
    """The Task has ended; nothing can change it any more."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_TASK_FINAL"


class LeaseLost(SwitchyardError):
    """The report carries a fencing token that is no longer the newest: another worker has the Task."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_LEASE_LOST"


class LogGap(SwitchyardError):
    """Log lines were sent that do not follow the last stored one. Metadata `next_sequence` says where to go on."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_LOG_GAP"


class IdempotencyConflict(SwitchyardError):
    """The same idempotency key was used with another request."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_IDEMPOTENCY_CONFLICT"


class AddressRefused(SwitchyardError):
    """The address may not be called from here. OUTBOUND_ALLOW lists exceptions."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_ADDRESS_REFUSED"


class Internal(SwitchyardError):
    """A fault of ours. The request id leads to it in the log."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_INTERNAL"


class Unavailable(SwitchyardError):
    """The server is stopping or a part it needs is away; try again."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_UNAVAILABLE"


class LastAdmin(SwitchyardError):
    """Nobody would be left who may do everything."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_LAST_ADMIN"


class SessionEnded(SwitchyardError):
    """The browser session has ended already."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_SESSION_ENDED"


class PositionGap(SwitchyardError):
    """Events were sent that do not follow the last acknowledged one. Metadata `next_position` says where to go on."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_POSITION_GAP"


class NoProxy(SwitchyardError):
    """No proxy is fit to be used."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_NO_PROXY"


class VersionConflict(SwitchyardError):
    """The workflow was changed by somebody else meanwhile."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_VERSION_CONFLICT"


class JobActive(SwitchyardError):
    """The job is not final yet."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_JOB_ACTIVE"


class NotEnrolled(SwitchyardError):
    """The robot has no token that came from an enrolment, so there is nothing to rotate."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_NOT_ENROLLED"


class ReaderTooSlow(SwitchyardError):
    """The reader of a stream takes less than happens; what it was to get next is no longer kept. It may begin anew."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_READER_TOO_SLOW"


class ResumeOff(SwitchyardError):
    """The workflow has no `settings.resume`, so there is nothing to store where its run is."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_RESUME_OFF"


class SessionActive(SwitchyardError):
    """A ComfyUI session of that name lives already."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_SESSION_ACTIVE"


class PortTaken(SwitchyardError):
    """Somebody else listens at the port."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_PORT_TAKEN"


class NoCapacity(SwitchyardError):
    """No worker has room for it."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_NO_CAPACITY"


class ComfyUnreachable(SwitchyardError):
    """Nobody answers at the address of ComfyUI, or somebody else does."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_COMFY_UNREACHABLE"


class ComfyRefused(SwitchyardError):
    """ComfyUI does not let us in: the credentials are wrong."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_COMFY_REFUSED"


class NoSession(SwitchyardError):
    """There is no ComfyUI session of that name."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_NO_SESSION"


class BrowserGone(SwitchyardError):
    """The browser of the session, or the worker that holds it, is away."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_BROWSER_GONE"


class GraphRefused(SwitchyardError):
    """ComfyUI does not take the graph. The message names its nodes."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_GRAPH_REFUSED"


class NoWorkflow(SwitchyardError):
    """No workflow was opened in the session."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_NO_WORKFLOW"


class EnvironmentState(SwitchyardError):
    """The environment stands where this cannot be done. The message names its state."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_ENVIRONMENT_STATE"


class EnvironmentFailed(SwitchyardError):
    """The provider could not do it. The log of the Task says what it answered."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_ENVIRONMENT_FAILED"


class QuotaExceeded(SwitchyardError):
    """The user would have more than their quota."""

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_QUOTA_EXCEEDED"


class NoBrowser(SwitchyardError):
    """The worker that took the session has no browser for it: no Chromium, or no screen for a window. The message says what

    to install.
    """

    __module__ = "switchyard_client.errors"
    reason_name = "ERROR_REASON_NO_BROWSER"


REASONS: Final[Mapping[str, type[SwitchyardError]]] = {
    "ERROR_REASON_INVALID_ARGUMENT": InvalidArgument,
    "ERROR_REASON_NOT_FOUND": NotFound,
    "ERROR_REASON_CREDENTIAL_MISSING": CredentialMissing,
    "ERROR_REASON_CREDENTIAL_INVALID": CredentialInvalid,
    "ERROR_REASON_CREDENTIAL_EXPIRED": CredentialExpired,
    "ERROR_REASON_PERMISSION_DENIED": PermissionDenied,
    "ERROR_REASON_TOO_MANY_ATTEMPTS": TooManyAttempts,
    "ERROR_REASON_TOO_LARGE": TooLarge,
    "ERROR_REASON_ALREADY_EXISTS": AlreadyExists,
    "ERROR_REASON_RUN_ACTIVE": RunActive,
    "ERROR_REASON_TASK_FINAL": TaskFinal,
    "ERROR_REASON_LEASE_LOST": LeaseLost,
    "ERROR_REASON_LOG_GAP": LogGap,
    "ERROR_REASON_IDEMPOTENCY_CONFLICT": IdempotencyConflict,
    "ERROR_REASON_ADDRESS_REFUSED": AddressRefused,
    "ERROR_REASON_INTERNAL": Internal,
    "ERROR_REASON_UNAVAILABLE": Unavailable,
    "ERROR_REASON_LAST_ADMIN": LastAdmin,
    "ERROR_REASON_SESSION_ENDED": SessionEnded,
    "ERROR_REASON_POSITION_GAP": PositionGap,
    "ERROR_REASON_NO_PROXY": NoProxy,
    "ERROR_REASON_VERSION_CONFLICT": VersionConflict,
    "ERROR_REASON_JOB_ACTIVE": JobActive,
    "ERROR_REASON_NOT_ENROLLED": NotEnrolled,
    "ERROR_REASON_READER_TOO_SLOW": ReaderTooSlow,
    "ERROR_REASON_RESUME_OFF": ResumeOff,
    "ERROR_REASON_SESSION_ACTIVE": SessionActive,
    "ERROR_REASON_PORT_TAKEN": PortTaken,
    "ERROR_REASON_NO_CAPACITY": NoCapacity,
    "ERROR_REASON_COMFY_UNREACHABLE": ComfyUnreachable,
    "ERROR_REASON_COMFY_REFUSED": ComfyRefused,
    "ERROR_REASON_NO_SESSION": NoSession,
    "ERROR_REASON_BROWSER_GONE": BrowserGone,
    "ERROR_REASON_GRAPH_REFUSED": GraphRefused,
    "ERROR_REASON_NO_WORKFLOW": NoWorkflow,
    "ERROR_REASON_ENVIRONMENT_STATE": EnvironmentState,
    "ERROR_REASON_ENVIRONMENT_FAILED": EnvironmentFailed,
    "ERROR_REASON_QUOTA_EXCEEDED": QuotaExceeded,
    "ERROR_REASON_NO_BROWSER": NoBrowser,
}
