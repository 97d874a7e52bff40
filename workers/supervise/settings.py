"""What a supervisor is told: by its environment, as its environment's process is, and on its command line."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

IDE_PORT: Final = 8443
SSH_PORT: Final = 2222
REPORT_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one supervisor. A port of 0 is not looked at."""

    agent: SplitResult  # http or https, with a host
    environment_id: str
    ide_port: int
    ssh_port: int
    workspace: Path
    report_seconds: int
    token: str = field(repr=False)
    ide_token: str | None = field(repr=False)  # opens Jupyter's status; None: it needs none, or there is none


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Return the settings; mistakes end the process with a line on standard error, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="switchyard supervise",
        description="Reports who uses the environment that it runs in. "
        "AGENT_URL, ENVIRONMENT_ID and ENVIRONMENT_TOKEN say to whom.",
    )
    parser.add_argument("--ide-port", default=IDE_PORT, type=_port, help="port of the editor (default: 8443; 0: none)")
    parser.add_argument("--ssh-port", default=SSH_PORT, type=_port, help="port of SSH (default: 2222; 0: none)")
    parser.add_argument(
        "--workspace", default=Path(), type=Path, help="its files, whose changes count where the editor tells nothing"
    )
    parser.add_argument(
        "--every", default=REPORT_SECONDS, type=_seconds, metavar="SECONDS", help="between two reports (default: 60)"
    )
    given = parser.parse_args(arguments)
    return Settings(
        agent=_agent(parser, environment),
        environment_id=_environment_id(parser, environment),
        ide_port=given.ide_port,
        ssh_port=given.ssh_port,
        workspace=given.workspace.absolute(),
        report_seconds=given.every,
        token=_token(parser, environment),
        ide_token=environment.get("JUPYTER_TOKEN") or None,
    )


def _agent(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> SplitResult:
    text = _required(parser, environment, "AGENT_URL")
    try:
        agent = urlsplit(text)
        good = agent.scheme in ("http", "https") and agent.hostname and agent.port != 0
    except ValueError:  # a port that is no number
        good = False
    if not good:
        parser.error(f"AGENT_URL must be http://host:port or https://host:port, not {text!r}")
    return agent


def _environment_id(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> str:
    text = _required(parser, environment, "ENVIRONMENT_ID")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        parser.error("ENVIRONMENT_ID must be 1 to 64 letters, digits, '_' and '-'")
    return text


def _token(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> str:
    text = _required(parser, environment, "ENVIRONMENT_TOKEN")
    if not re.fullmatch(r"[!-~]+", text):  # never shown, not even when it is wrong
        parser.error("ENVIRONMENT_TOKEN must be printable ASCII without spaces")
    return text


def _required(parser: argparse.ArgumentParser, environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "")
    if not text:
        parser.error(f"{name} must be set")
    return text


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError("must be between 0 and 65535")
    return int(text)


def _seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 3600:
        raise argparse.ArgumentTypeError("must be between 1 and 3600")
    return int(text)
