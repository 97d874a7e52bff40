"""A log that is followed: line by line, also across a restart of the server."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import grpc
from google.protobuf.message import Message

from server.cli.output import Output
from server.cli.plain import to_plain
from server.cli.session import Session
from switchyard.orchestrator.v1.job_service_pb2 import WatchJobLogsResponse
from switchyard.system.v1 import system_service_pb2
from switchyard.tasks.v1 import task_pb2

STYLES: Final = {task_pb2.LogLine.LEVEL_ERROR: "red", task_pb2.LogLine.LEVEL_WARNING: "yellow"}
# A server that restarts is waited for this long, in seconds.
RECONNECT_SECONDS: Final = 60.0
RECONNECT_PAUSE_SECONDS: Final = 0.5

T = TypeVar("T")


# A line of a log, in the words of the service it came from.
Line: TypeAlias = task_pb2.LogLine | WatchJobLogsResponse.Line


class Following(Protocol):
    """A request for a stream that can begin behind a line."""

    after: str


def unbroken(session: Session, watch: Callable[..., Iterable[T]], request: Following) -> Iterator[T]:
    """Yield what `watch` streams for `request`, and when the connection breaks, what there is behind `request.after`.

    Whoever takes the messages sets `after`, and leaves when the end has come.
    """
    while True:
        try:
            yield from watch(request, wait_for_ready=bool(request.after))
        except grpc.RpcError as error:
            refuse_unless_broken(error)
        session.output.note("the connection broke; coming back behind the last line")
        await_server(session)


def refuse_unless_broken(error: grpc.RpcError) -> None:
    """Raise `error` again unless it says that the server went away."""
    call: Any = error
    if call.code() is not grpc.StatusCode.UNAVAILABLE:
        raise error


def await_server(session: Session) -> None:
    """Wait until the server answers again.

    Raises:
        grpc.RpcError: it has not for RECONNECT_SECONDS.
    """
    time.sleep(RECONNECT_PAUSE_SECONDS)
    request = system_service_pb2.GetServerInfoRequest()
    session.connection.system.GetServerInfo(request, timeout=RECONNECT_SECONDS, wait_for_ready=True)


def show_line(output: Output, plain: Any, text: str, line: Line) -> None:
    """Print one line of a log."""
    if output.as_json:
        output.record(plain)
    else:
        output.line(text, style=STYLES.get(line.level, ""))


def show_end(output: Output, end: Message) -> None:
    """Tell programs that the stream is complete."""
    if output.as_json:
        output.record({"end": to_plain(end)})


def line_text(line: Line) -> str:
    """Return a line as the live log shows it."""
    instant = line.timestamp.ToDatetime().strftime("%Y-%m-%d %H:%M:%S")
    return f"[{instant}] - {line.message}"
