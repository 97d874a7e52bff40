"""How an environment changes: followed to where it stays, also across a restart of the server."""

from collections.abc import Iterator
from typing import Final

import grpc
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from server.cli.failures import BY_STATUS, ExitCode
from server.cli.live_log import await_server, refuse_unless_broken
from server.cli.output import printable
from server.cli.plain import enum_name, to_plain
from server.cli.session import Session
from switchyard.environments.v1 import environment_service_pb2 as pb
from switchyard.environments.v1.environment_pb2 import Environment

STATUS: Final = Environment.Status.DESCRIPTOR
# These pass by themselves.
CHANGING: Final = frozenset(
    {
        Environment.STATUS_CREATING,
        Environment.STATUS_STARTING,
        Environment.STATUS_STOPPING,
        Environment.STATUS_DELETING,
    }
)
BAR_CHARACTERS: Final = 30


def changes(session: Session, environment_id: str) -> Iterator[Environment]:
    """Yield the environment as it stands and after each change, until it is gone."""
    request = pb.WatchEnvironmentRequest(id=environment_id)
    again = False
    while True:
        try:
            for message in session.connection.environments.WatchEnvironment(request):
                yield from message.environments
                if message.HasField("gone"):
                    return
        except grpc.RpcError as error:
            if again and is_gone(error):
                return
            refuse_unless_broken(error)
        session.output.note("the connection broke; coming back")
        await_server(session)
        again = True


def is_gone(error: grpc.RpcError) -> bool:
    """Say whether `error` means that there is no such environment."""
    call: grpc.Call = error  # type: ignore[assignment]
    return BY_STATUS.get(call.code()) is ExitCode.NOT_FOUND


def settled(session: Session, environment_id: str) -> Environment | None:
    """Show how far the work on it is, and return it once none is at work any more; None when it is gone."""
    newest = Environment()
    try:
        with session.output.live(lambda _room: picture(newest)):
            for environment in changes(session, environment_id):
                newest = environment
                if session.output.as_json:
                    session.output.record(to_plain(environment))
                if environment.status not in CHANGING:
                    return environment
    except grpc.RpcError as error:
        # A deletion may be over before anybody looks.
        if not is_gone(error):
            raise
    return None


def picture(environment: Environment) -> Table:
    """Return one line: a bar, and what is being done."""
    line = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=1.0, completed=environment.step.fraction, width=BAR_CHARACTERS)
    line.add_row(bar, Text(printable(state_text(environment)), no_wrap=True, overflow="ellipsis"))
    return line


def state_text(environment: Environment) -> str:
    """Return where it stands: "CREATING, starting the editor", "ERROR: no room", "RUNNING at http://..."."""
    status = str(enum_name(STATUS, environment.status))
    if environment.status in CHANGING and environment.step.name:
        return f"{status}, {environment.step.name}"
    if environment.HasField("error"):
        return f"{status}: {environment.error}"
    if environment.HasField("vs_code_url"):
        return f"{status} at {environment.vs_code_url}"
    return status
