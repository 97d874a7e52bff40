"""`switchyard tasks`: the work of every kind, as its operators see it."""

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Final

import grpc
import typer

from server.cli.failures import CommandFailed
from server.cli.live_log import await_server, refuse_unless_broken
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import task_service_pb2 as pb

group = typer.Typer(name="tasks", help="The work of every kind.", no_args_is_help=True)

STATE: Final = task_pb2.Task.State.DESCRIPTOR
State = Enum("State", {name: name for name in enum_names(STATE)}, type=str)  # type: ignore[misc]
TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")]


@remote(group, "list")
def list_tasks(
    session: Session,
    kind: Annotated[str, typer.Option(help="Only this kind, for example run_bot.")] = "",
    subject: Annotated[str, typer.Option(help="Only this subject, for example bot_instances/ID.")] = "",
    state: Annotated[State | None, typer.Option(help="Only this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 50,
    page_token: Annotated[str, typer.Option(metavar="TEXT", help="Asks for a further page.")] = "",
) -> None:
    """List tasks, newest first."""
    request = pb.ListTasksRequest(kind=kind, subject=subject, page_size=limit, page_token=page_token)
    if state is not None:
        request.state = enum_number(STATE, state.value)  # type: ignore[assignment]
    answer = session.connection.tasks.ListTasks(request)
    rows = (
        (
            task.id,
            task.kind,
            task.subject,
            str(enum_name(STATE, task.state)),
            f"{task.attempt}/{task.max_attempts}",
            local_time(task.create_time),
        )
        for task in answer.tasks
    )
    columns = ("TASK", "KIND", "SUBJECT", "STATE", "ATTEMPT", "CREATED")
    session.output.table(to_plain(answer), columns, rows, empty="there are no such tasks")
    if answer.next_page_token:
        session.output.note(f"there are more: --page-token {answer.next_page_token}")


@remote(group, "show")
def show(session: Session, task_id: TaskArgument) -> None:
    """Show one task."""
    task = session.connection.tasks.GetTask(pb.GetTaskRequest(id=task_id)).task
    facts = [
        ("Task", task.id),
        ("Kind", task.kind),
        ("Subject", task.subject),
        ("Tenant", task.tenant),
        ("State", str(enum_name(STATE, task.state))),
        ("Attempt", f"{task.attempt} of {task.max_attempts}"),
        ("Priority", str(task.priority)),
        ("Worker", task.lease.worker_id or task.worker_host),
        ("Progress", task.progress.message),
        ("Error", f"{task.error.type}: {task.error.message}" if task.HasField("error") else ""),
        ("Created", local_time(task.create_time)),
        ("Ended", local_time(task.end_time) if task.HasField("end_time") else ""),
    ]
    session.output.facts(to_plain(task), facts)


@remote(group, "watch")
def watch(session: Session, task_id: TaskArgument) -> None:
    """Tell each change of a task until it has ended. The exit code is 0 when it succeeded, else 1."""
    task = task_pb2.Task()
    shown = ""
    for task in changes(session, task_id):
        text = state_text(task)
        if session.output.as_json:
            session.output.record(to_plain(task))
        elif text != shown:
            session.output.line(text)
        shown = text
    if task.state != task_pb2.Task.STATE_SUCCEEDED:
        raise CommandFailed(f"task {task_id} {shown}")


def changes(session: Session, task_id: str) -> Iterator[task_pb2.Task]:
    """Yield a task as it stands and after each change, until it has ended, also across a restart of the server."""
    while True:
        try:
            for message in session.connection.tasks.WatchTask(pb.WatchTaskRequest(id=task_id)):
                yield message.task
        except grpc.RpcError as error:
            refuse_unless_broken(error)
        else:
            return
        session.output.note("the connection broke; coming back")
        await_server(session)


def state_text(task: task_pb2.Task) -> str:
    """Return where a task stands: "queued", "running, attempt 2 of 3: copying", "failed: Timeout: it took too long"."""
    state = str(enum_name(STATE, task.state))
    if task.state == task_pb2.Task.STATE_RUNNING:
        attempt = f"{state}, attempt {task.attempt} of {task.max_attempts}"
        return f"{attempt}: {task.progress.message}" if task.progress.message else attempt
    return f"{state}: {task.error.type}: {task.error.message}" if task.HasField("error") else state


@remote(group, "cancel")
def cancel(
    session: Session,
    task_id: TaskArgument,
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "",
) -> None:
    """Ask a task to end."""
    task = session.connection.tasks.CancelTask(pb.CancelTaskRequest(id=task_id, reason=reason)).task
    session.output.answer(to_plain(task), f"task {task.id} is {enum_name(STATE, task.state)}")
