"""What a robot can be told on its command line."""

import argparse
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from switchyard.orchestrator.v1 import workflow_pb2
from workers import chromium

# Credentials on a command line are seen by everybody on the machine; these keep them out of it.
TOKEN_VARIABLE: Final = "SWITCHYARD_ROBOT_TOKEN"  # noqa: S105 - the name of a variable
KEY_VARIABLE: Final = "SWITCHYARD_ENROLMENT_KEY"

MODES: Final[Mapping[str, Sequence[workflow_pb2.ExecutionMode.ValueType]]] = {
    "lan": (workflow_pb2.EXECUTION_MODE_LAN,),
    "internet": (workflow_pb2.EXECUTION_MODE_INTERNET,),
    "both": (workflow_pb2.EXECUTION_MODE_LAN, workflow_pb2.EXECUTION_MODE_INTERNET),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one robot. `token` None: the one in `folder` is used, which an enrolment has put there."""

    server: str  # host:port
    robot_id: str
    folder: Path  # holds the token, and one folder per job while it runs
    modes: Sequence[workflow_pb2.ExecutionMode.ValueType]
    max_jobs: int
    token: str | None = field(repr=False)
    enrolment_key: str | None = field(repr=False)
    chromium_path: str | None = None  # None: there is none, and jobs that open pages fail


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Return the settings; mistakes end the process with a line on standard error, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="switchyard robot",
        description="Runs jobs of a server elsewhere. Ctrl-C gives back what it has not finished.",
    )
    parser.add_argument("--server", required=True, type=_server, help="host:port of the server's gRPC side")
    parser.add_argument("--id", default=_own_name(), type=_robot_id, help="its name (default: that of the machine)")
    parser.add_argument("--token", help=f"its credential, if it did not enrol; better in {TOKEN_VARIABLE}")
    parser.add_argument("--enrolment-key", help=f"exchanged for a credential at first; better in {KEY_VARIABLE}")
    parser.add_argument("--folder", type=Path, help="where the credential is kept and jobs work")
    parser.add_argument("--mode", choices=MODES, default="both", help="which jobs it takes (default: both)")
    parser.add_argument("--max-jobs", type=_jobs, default=1, help="jobs at a time, 1 to 100 (default: 1)")
    given = parser.parse_args(arguments)
    return Settings(
        server=given.server,
        robot_id=given.id,
        folder=(given.folder or _state_folder(environment) / given.id).absolute(),
        modes=MODES[given.mode],
        max_jobs=given.max_jobs,
        token=given.token or environment.get(TOKEN_VARIABLE) or None,
        enrolment_key=given.enrolment_key or environment.get(KEY_VARIABLE) or None,
        chromium_path=_chromium_path(parser, environment),
    )


def _chromium_path(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> str | None:
    try:
        found = chromium.find(environment)
    except chromium.ChromiumMissing as error:
        parser.error(str(error))
    return None if found is None else str(found)


def _own_name() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64] or "robot"


def _state_folder(environment: Mapping[str, str]) -> Path:
    """Source: XDG Base Directory Specification, $XDG_STATE_HOME."""
    home = environment.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "switchyard" / "robots"


def _server(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"must be host:port, not {text!r}")
    return text


def _robot_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise argparse.ArgumentTypeError("must be 1 to 64 letters, digits, '_' and '-'")
    return text


def _jobs(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError("must be between 1 and 100")
    return int(text)
