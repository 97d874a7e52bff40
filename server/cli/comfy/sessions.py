"""`switchyard comfy`: sessions at ComfyUI, and which workflow is open in them."""

import os
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Final

import typer

from server.cli.comfy import prompts
from server.cli.comfy.prompts import SessionOption
from server.cli.failures import CommandFailed, ExitCode
from server.cli.orchestrator.workflow_file import read_text
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.comfy.v1 import session_pb2, workflow_service_pb2
from switchyard.comfy.v1 import session_service_pb2 as pb

group = typer.Typer(
    name="comfy", help="Sessions at ComfyUI: start one, open a workflow, queue it.", no_args_is_help=True
)
group.add_typer(prompts.group)

MODE: Final = session_pb2.Session.Mode.DESCRIPTOR
STATE: Final = session_pb2.Session.State.DESCRIPTOR
ON_RESTART: Final = session_pb2.Session.OnRestart.DESCRIPTOR
Mode = Enum("Mode", {name: name for name in enum_names(MODE)}, type=str)  # type: ignore[misc]
OnRestart = Enum("OnRestart", {name: name for name in enum_names(ON_RESTART)}, type=str)  # type: ignore[misc]

# The password for ComfyUI may stand here: an argument could be seen by others.
PASSWORD_VARIABLE: Final = "COMFY_PASSWORD"  # noqa: S105 -- a name
# The server gives up by itself before: it waits for a worker, then for the page.
START_SECONDS: Final = 600.0
# A browser is given a grace to end in.
STOP_SECONDS: Final = 60.0
# A large workflow takes ComfyUI's page its time.
OPEN_SECONDS: Final = 120.0


@remote(group, "start")
def start(
    session: Session,
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of ComfyUI, http or https.")],
    name: SessionOption = "",
    username: Annotated[
        str, typer.Option(help=f"Name for ComfyUI. Its password is asked for, or taken from {PASSWORD_VARIABLE}.")
    ] = "",
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
    port: Annotated[
        int | None, typer.Option(min=1024, max=65535, help="Where other tools can attach to the browser.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless/--window", help="Whether the browser shows no window.")] = True,
    mode: Annotated[Mode | None, typer.Option(help="Through ComfyUI's page, or its API without a browser.")] = None,
    on_restart: Annotated[
        OnRestart | None, typer.Option(help="What becomes of prompts that a restarted ComfyUI has forgotten.")
    ] = None,
) -> None:
    """Start a session, and wait until it takes calls."""
    password = read_password(username, from_stdin=password_stdin, environ=os.environ)
    credentials = pb.StartSessionRequest.Credentials(username=username, password=password, url=url)
    # Without a request_id: whoever gives up with Ctrl-C leaves no session behind.
    request = pb.StartSessionRequest(credentials=credentials, session=name, port=port, headless=headless)
    if mode is not None:
        request.mode = enum_number(MODE, mode.value)  # type: ignore[assignment]
    if on_restart is not None:
        request.on_restart = enum_number(ON_RESTART, on_restart.value)  # type: ignore[assignment]
    with session.output.waiting(f"starting a session at {url}"):
        answer = session.connection.comfy_sessions.StartSession(request, timeout=START_SECONDS)
    details = answer.details
    facts = [
        ("Session", details.session),
        ("ComfyUI", details.url),
        ("Port", str(details.port) if details.HasField("port") else ""),
        ("Attach at", details.browser_endpoint),
    ]
    session.output.facts(to_plain(answer), facts)


def read_password(username: str, *, from_stdin: bool, environ: Mapping[str, str]) -> str:
    """Return the password of `username`: the first line of standard input, the environment's, or what somebody types.

    Raises:
        CommandFailed: there is nobody to ask, or there is nobody whose it could be.
    """
    if not username:
        if from_stdin:
            raise CommandFailed("--password-stdin needs --username", ExitCode.USAGE)
        return ""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if PASSWORD_VARIABLE in environ:
        return environ[PASSWORD_VARIABLE]
    if not sys.stdin.isatty():
        raise CommandFailed(
            f"there is no terminal to ask for the password; use --password-stdin or {PASSWORD_VARIABLE}", ExitCode.USAGE
        )
    password: str = typer.prompt("Password for ComfyUI", hide_input=True, err=True)
    return password


@remote(group, "status")
def status(session: Session, name: SessionOption = "") -> None:
    """Show a session: whether it takes calls, what is open in it, how its prompts stand."""
    request = pb.GetSessionStatusRequest(session=name)
    answer = session.connection.comfy_sessions.GetSessionStatus(request)
    workflow = session.connection.comfy_workflows.GetWorkflowStatus(
        workflow_service_pb2.GetWorkflowStatusRequest(session=name)
    )
    facts = [
        ("Session", f"{answer.session} is {'active' if answer.active else 'not active'}"),
        ("Reason", answer.reason),
        ("ComfyUI", answer.url),
        ("Mode", str(enum_name(MODE, answer.mode)) if answer.HasField("mode") else ""),
        ("Port", str(answer.port) if answer.HasField("port") else ""),
        ("Front end", answer.frontend_version),
        ("Workflow", workflow_text(workflow)),
        ("Prompts", counts_text(workflow)),
        ("At work", prompts.at_work_text(workflow.current) if workflow.HasField("current") else ""),
        ("Started", local_time(answer.create_time) if answer.HasField("create_time") else ""),
        ("Ended", local_time(answer.end_time) if answer.HasField("end_time") else ""),
    ]
    session.output.facts({**to_plain(answer), "workflow": to_plain(workflow)}, facts)


def workflow_text(workflow: workflow_service_pb2.GetWorkflowStatusResponse) -> str:
    """Return what is open; empty for nothing."""
    if not workflow.workflow_open:
        return ""
    return f"{workflow.workflow_path or 'one that was sent'}, {workflow.node_count} nodes"


def counts_text(workflow: workflow_service_pb2.GetWorkflowStatusResponse) -> str:
    """Return how many prompts stand how; empty before the first one."""
    names = ("queued", "running", "success", "error", "cancelled", "lost")
    counts = ((getattr(workflow, name), name) for name in names)
    return ", ".join(f"{count} {name}" for count, name in counts if count)


@remote(group, "list")
def list_sessions(
    session: Session,
    active: Annotated[bool, typer.Option("--active", help="Only those that live.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    page_token: Annotated[str, typer.Option(metavar="TEXT", help="Asks for a further page.")] = "",
) -> None:
    """List sessions, newest first."""
    request = pb.ListSessionsRequest(active=active, page_size=limit, page_token=page_token)
    answer = session.connection.comfy_sessions.ListSessions(request)
    rows = (
        (
            one.name,
            str(enum_name(STATE, one.state)),
            str(enum_name(MODE, one.mode)),
            one.url,
            local_time(one.create_time),
            one.reason,
        )
        for one in answer.sessions
    )
    columns = ("SESSION", "STATE", "MODE", "COMFYUI", "STARTED", "REASON")
    session.output.table(to_plain(answer), columns, rows, empty="there are no sessions")
    if answer.next_page_token:
        session.output.note(f"there are more: --page-token {answer.next_page_token}")


@remote(group, "open")
def open_workflow(
    session: Session,
    path: Annotated[
        str, typer.Argument(metavar="WORKFLOW", help="Its path in ComfyUI, as workflows/x.json or x.json.")
    ] = "",
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, readable=True, help="A workflow on this machine, JSON.")
    ] = None,
    name: SessionOption = "",
) -> None:
    """Open a workflow in a session: one that ComfyUI keeps, or a file in the format of its page or of its API."""
    if bool(path) == (file is not None):
        raise CommandFailed("give the path of a workflow in ComfyUI, or --file", ExitCode.USAGE)
    request = workflow_service_pb2.OpenWorkflowRequest(
        workflow_path=path, workflow=read_text(file) if file else "", session=name
    )
    with session.output.waiting(f"opening {path or file}"):
        answer = session.connection.comfy_workflows.OpenWorkflow(request, timeout=OPEN_SECONDS)
    session.output.answer(to_plain(answer), f"opened {path or file}, {answer.details.node_count} nodes")


@remote(group, "stop")
def stop(
    session: Session,
    name: SessionOption = "",
    cancel_prompts: Annotated[
        bool, typer.Option(help="End its prompts, too, instead of finishing them first.")
    ] = False,
) -> None:
    """End a session. Without prompts that wait or run its browser is gone when the command returns."""
    request = pb.StopSessionRequest(session=name, cancel_prompts=cancel_prompts)
    with session.output.waiting("stopping"):
        answer = session.connection.comfy_sessions.StopSession(request, timeout=STOP_SECONDS)
    session.output.answer(to_plain(answer), f"{name or 'default'}: {answer.message}")
