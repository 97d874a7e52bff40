"""What went wrong, as one line for people and one exit code for programs."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final

import grpc
from google.rpc import error_details_pb2, status_pb2

DETAILS_KEY: Final = "grpc-status-details-bin"


class ExitCode(IntEnum):
    """Exit codes of every command; `switchyard --help` prints this table."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNREACHABLE = 5


MEANINGS: Final[Mapping[ExitCode, str]] = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "what was asked for failed: a run ended in error, an instance is not valid, a check found a fault",
    ExitCode.USAGE: "wrong arguments, or a value that the server refused",
    ExitCode.NOT_FOUND: "there is no such thing",
    ExitCode.REFUSED: "the credential is missing, wrong or not enough",
    ExitCode.UNREACHABLE: "the server does not answer",
}

# Statuses that are not listed mean FAILED.
BY_STATUS: Final[Mapping[grpc.StatusCode, ExitCode]] = {
    grpc.StatusCode.INVALID_ARGUMENT: ExitCode.USAGE,
    grpc.StatusCode.OUT_OF_RANGE: ExitCode.USAGE,
    grpc.StatusCode.NOT_FOUND: ExitCode.NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED: ExitCode.REFUSED,
    grpc.StatusCode.PERMISSION_DENIED: ExitCode.REFUSED,
    grpc.StatusCode.UNAVAILABLE: ExitCode.UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ExitCode.UNREACHABLE,
    grpc.StatusCode.UNIMPLEMENTED: ExitCode.UNREACHABLE,
}


class CommandFailed(Exception):
    """A command cannot do what it was asked for. The message is one line."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def from_status(
    status: grpc.StatusCode, details: str, *, server: str, info: error_details_pb2.ErrorInfo | None = None
) -> CommandFailed:
    """Return the failure of a call to `server` that ended with `status`. `info` is what the server says of it."""
    exit_code = BY_STATUS.get(status, ExitCode.FAILED)
    sentence = " ".join(details.split()) or status.name
    if status is grpc.StatusCode.UNIMPLEMENTED:
        return CommandFailed(f"{server} is not a Switchyard server of this version", exit_code)
    if exit_code is ExitCode.UNREACHABLE and info is not None:
        # It does answer: what is away is behind it.
        cause = " ".join(info.metadata.get("cause", "").split())
        return CommandFailed(f"{sentence}: {cause}" if cause else sentence)
    if exit_code is ExitCode.UNREACHABLE:
        return CommandFailed(f"no answer from {server}: is the server running? (switchyard up)", exit_code)
    if exit_code is ExitCode.REFUSED:
        return CommandFailed(f"{sentence} (credentials: --api-key or SWITCHYARD_API_KEY)", exit_code)
    return CommandFailed(sentence, exit_code)


def error_info(trailing_metadata: Iterable[tuple[str, str | bytes]]) -> error_details_pb2.ErrorInfo | None:
    """Return what a server says of an error besides its sentence; None when no server has spoken."""
    for name, value in trailing_metadata:
        if name == DETAILS_KEY and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info
    return None
