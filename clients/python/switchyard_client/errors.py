"""What calls raise: one exception for each `ErrorReason` of the contract, and those that come up on this side.

A reason newer than this package is raised as the exception of its gRPC code where there is one, else as
`SwitchyardError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import grpc

from . import failure
from .failure import SwitchyardError, Violation
from .resources.reasons import *  # noqa: F403 -- one class for each reason, as the contract has them
from .resources.reasons import (
    REASONS,
    AlreadyExists,
    CredentialInvalid,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unavailable,
)

__all__ = [
    *(each.__name__ for each in REASONS.values()),
    "ClientClosed",
    "DeadlineExceeded",
    "LoginEnded",
    "SwitchyardError",
    "Violation",
    "WebhookInvalid",
    "of_call",
]


class DeadlineExceeded(SwitchyardError):
    """No answer came within `timeout`. Whether the server did what was asked is not known."""


class LoginEnded(CredentialInvalid):
    """The session of `login` is over: logged out, ended by an administrator, or its refresh token was used twice."""


class ClientClosed(Exception):
    """The client was closed before the call, or while it waited."""

    def __init__(self) -> None:
        super().__init__("the client is closed; make a new one")


class WebhookInvalid(Exception):
    """What was received is no delivery of the webhook with that secret: do not act on it."""


# Source: comments of google/rpc/code.proto. What a reason that is not known yet, or a proxy on the way, comes down to.
BY_CODE: Final[Mapping[grpc.StatusCode, type[SwitchyardError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.UNAUTHENTICATED: CredentialInvalid,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.INTERNAL: Internal,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


def of_call(error: Any) -> SwitchyardError:
    """Return the exception for a call that ended with `error`: a grpc.RpcError of a stub, or an AioRpcError."""
    code: grpc.StatusCode = error.code()
    told = failure.read(error.trailing_metadata())
    kind = REASONS.get(told.reason) or BY_CODE.get(code, SwitchyardError)
    return kind(
        error.details() or code.name,
        code=code,
        reason=told.reason,
        metadata=told.metadata,
        violations=told.violations,
        retry_after=told.retry_after,
    )
