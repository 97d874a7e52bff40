"""A failed call, read from what gRPC tells of it: code, sentence, and the details of google.rpc in the trailers.

Source of the details: https://cloud.google.com/apis/design/errors#error_model
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

DETAILS_KEY: Final = "grpc-status-details-bin"
DOMAIN: Final = "switchyard"

M = TypeVar("M", bound=Message)


class Violation(NamedTuple):
    """One field of the request that is to blame, and what it must be, as a sentence."""

    field: str
    description: str


class SwitchyardError(Exception):
    """A call that failed. `except` the subclass that says what you can act on; this one catches them all.

    Attributes:
        message: one sentence for people.
        code: how gRPC classes it.
        reason: `ErrorReason` as the server named it ("ERROR_REASON_NOT_FOUND"); "" when it was not the server who
            spoke, but for example the connection.
        metadata: what the sentence mentions, for programs.
        violations: the fields of the request that are to blame.
        retry_after: seconds after which the server would have it tried again; None when it did not say.
    """

    reason_name: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Iterable[Violation] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after


class Told(NamedTuple):
    """What the server added to the code and the sentence."""

    reason: str = ""
    metadata: Mapping[str, str] = {}
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None


def read(trailers: Iterable[tuple[str, Any]] | None) -> Told:
    """Return what the trailing metadata of a failed call tells; nothing when there is none, or it cannot be read."""
    serialized = next((value for key, value in trailers or () if key == DETAILS_KEY), None)
    if serialized is None:
        return Told()
    try:
        status = status_pb2.Status.FromString(serialized)
        info = _detail(status, error_details_pb2.ErrorInfo)
        blame = _detail(status, error_details_pb2.BadRequest)
        retry = _detail(status, error_details_pb2.RetryInfo)
    except DecodeError:
        return Told()
    ours = info is not None and info.domain == DOMAIN
    return Told(
        reason=info.reason if info is not None and ours else "",
        metadata=dict(info.metadata) if info is not None and ours else {},
        violations=tuple(Violation(one.field, one.description) for one in blame.field_violations) if blame else (),
        retry_after=retry.retry_delay.ToTimedelta().total_seconds() if retry else None,
    )


def _detail(status: Any, kind: type[M]) -> M | None:
    """Return the first detail of that kind."""
    for each in status.details:
        detail = kind()
        if each.Unpack(detail):
            return detail
    return None
