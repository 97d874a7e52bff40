"""`switchyard workflow`: workflows in versions, and how their jobs are started."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

import typer

from server.cli.assignments import to_tree
from server.cli.failures import CommandFailed, ExitCode
from server.cli.orchestrator import run_workflow
from server.cli.orchestrator.jobs import WaitOption, follow_to_end
from server.cli.orchestrator.run_workflow import FileArgument, VarOption
from server.cli.orchestrator.workflow_file import name_in, read_text
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1 import workflow_service_pb2 as pb

group = typer.Typer(name="workflow", help="Workflows, here and on a server.", no_args_is_help=True)
group.command("run")(run_workflow.run)

MODE: Final = workflow_pb2.ExecutionMode.DESCRIPTOR
TRIGGER: Final = workflow_pb2.TriggerType.DESCRIPTOR
Mode = Enum("Mode", {name: name for name in enum_names(MODE)}, type=str)  # type: ignore[misc]

WorkflowArgument = Annotated[str, typer.Argument(metavar="WORKFLOW", help="Id of the workflow.")]
ModeOption = Annotated[Mode | None, typer.Option("--mode", help="Who runs it: workers, or robots elsewhere.")]
PriorityOption = Annotated[int | None, typer.Option(min=0, max=20, help="0 goes first. Without it: 10.")]


@remote(group, "submit")
def submit(
    session: Session,
    file: FileArgument,
    name: Annotated[str, typer.Option(help="Its name. Without it: the one in the file, or that of the file.")] = "",
    variables: VarOption = None,
    priority: PriorityOption = None,
    mode: ModeOption = None,
    cron: Annotated[
        str, typer.Option(metavar="CRON", help="Run it by this schedule, for example '0 6 * * 1', and not now.")
    ] = "",
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Time zone of the schedule. Without it: UTC.")] = "",
    webhook: Annotated[bool, typer.Option("--webhook", help="Run it when its webhook is called, and not now.")] = False,
    request_id: RequestIdOption = None,
    wait: WaitOption = False,
) -> None:
    """Store a workflow, and run it. With --wait the exit code is 0 when its job completed, else 1."""
    if (wait and (cron or webhook)) or (cron and webhook):
        raise CommandFailed("--cron, --webhook and --wait exclude one another", ExitCode.USAGE)
    text = read_text(file)
    request = pb.SubmitWorkflowRequest(
        workflow_name=name or name_in(text) or file.stem,
        workflow_json=text,
        trigger_type=trigger_of(cron, webhook=webhook),
        priority=priority,
        schedule_cron=cron or None,
        timezone=timezone or None,
        variables=json.dumps(to_tree(variables or ())),
        request_id=request_id or str(uuid4()),
    )
    if mode is not None:
        request.execution_mode = enum_number(MODE, mode.value)  # type: ignore[assignment]
    answer = session.connection.workflows.SubmitWorkflow(request)
    facts = [
        ("Workflow", answer.workflow_id),
        ("Job", answer.job_id),
        ("Schedule", answer.schedule_id),
        ("Webhook", answer.metadata.webhook_path),
    ]
    session.output.facts(to_plain(answer), facts)
    if wait:
        follow_to_end(session, answer.job_id)


def trigger_of(cron: str, *, webhook: bool) -> workflow_pb2.TriggerType.ValueType:
    """Return what starts the jobs of a workflow."""
    if cron:
        return workflow_pb2.TRIGGER_TYPE_SCHEDULED
    return workflow_pb2.TRIGGER_TYPE_WEBHOOK if webhook else workflow_pb2.TRIGGER_TYPE_MANUAL


@remote(group, "start")
def start(
    session: Session,
    workflow_id: WorkflowArgument,
    variables: VarOption = None,
    priority: PriorityOption = None,
    request_id: RequestIdOption = None,
    wait: WaitOption = False,
) -> None:
    """Queue a job of a workflow. With --wait the exit code is 0 when it completed, else 1."""
    request = pb.RunWorkflowRequest(
        workflow_id=workflow_id,
        variables=json.dumps(to_tree(variables or ())),
        priority=priority,
        request_id=request_id or str(uuid4()),
    )
    answer = session.connection.workflows.RunWorkflow(request)
    session.output.answer(to_plain(answer), answer.job_id)
    if wait:
        follow_to_end(session, answer.job_id)


@remote(group, "list")
def list_workflows(
    session: Session,
    name: Annotated[str, typer.Option(help="Only names that contain this.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    page_token: Annotated[str, typer.Option(metavar="TEXT", help="Asks for a further page.")] = "",
) -> None:
    """List workflows."""
    request = pb.ListWorkflowsRequest(name=name, page_size=limit, page_token=page_token)
    answer = session.connection.workflows.ListWorkflows(request)
    rows = (
        (
            workflow.workflow_id,
            workflow.workflow_name,
            str(workflow.version),
            str(workflow.node_count),
            str(enum_name(TRIGGER, workflow.trigger_type)),
            str(enum_name(MODE, workflow.execution_mode)),
            local_time(workflow.updated_at),
        )
        for workflow in answer.workflows
    )
    columns = ("WORKFLOW", "NAME", "VERSION", "NODES", "TRIGGER", "MODE", "CHANGED")
    session.output.table(to_plain(answer), columns, rows, empty="there are no workflows")
    if answer.next_page_token:
        session.output.note(f"there are more: --page-token {answer.next_page_token}")


@remote(group, "show")
def show(
    session: Session,
    workflow_id: WorkflowArgument,
    version: Annotated[int | None, typer.Option(min=1, help="Which version. Without it: the newest.")] = None,
    source: Annotated[bool, typer.Option("--source", help="Print the file alone, as it was sent.")] = False,
) -> None:
    """Show a workflow."""
    request = pb.GetWorkflowRequest(workflow_id=workflow_id, version=version or 0)
    workflow = session.connection.workflows.GetWorkflow(request).workflow
    if source:
        session.output.raw(workflow.workflow_json + "\n")
        return
    facts = [
        ("Workflow", workflow.workflow_id),
        ("Name", workflow.workflow_name),
        ("Description", workflow.description),
        ("Version", str(workflow.version)),
        ("Nodes", str(workflow.node_count)),
        ("Trigger", str(enum_name(TRIGGER, workflow.trigger_type))),
        ("Mode", str(enum_name(MODE, workflow.execution_mode))),
        ("Priority", str(workflow.priority)),
        ("Created", local_time(workflow.created_at)),
        ("Changed", local_time(workflow.updated_at)),
    ]
    session.output.facts(to_plain(workflow), facts)


@remote(group, "update")
def update(
    session: Session,
    workflow_id: WorkflowArgument,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, readable=True, help="Its next version, JSON.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    priority: Annotated[int | None, typer.Option(min=0, max=20, help="0 goes first.")] = None,
    mode: ModeOption = None,
) -> None:
    """Change a workflow. Another file makes a version; jobs that are queued keep theirs."""
    request = pb.UpdateWorkflowRequest(
        workflow_id=workflow_id,
        workflow_name=name,
        workflow_json=read_text(file) if file else None,
        priority=priority,
    )
    if mode is not None:
        request.execution_mode = enum_number(MODE, mode.value)  # type: ignore[assignment]
    if request == pb.UpdateWorkflowRequest(workflow_id=workflow_id):
        raise CommandFailed("nothing to change: give --file, --name, --priority or --mode", ExitCode.USAGE)
    workflow = session.connection.workflows.UpdateWorkflow(request).workflow
    session.output.answer(to_plain(workflow), f"changed {workflow_id}, version {workflow.version}")


@remote(group, "rotate-webhook")
def rotate_webhook(session: Session, workflow_id: WorkflowArgument) -> None:
    """Give a workflow a new secret path and print it. The old one is gone at once."""
    answer = session.connection.workflows.RotateWebhook(pb.RotateWebhookRequest(workflow_id=workflow_id))
    session.output.answer(to_plain(answer), answer.webhook_path)


@remote(group, "delete")
def delete(session: Session, workflow_id: WorkflowArgument) -> None:
    """Delete a workflow and its schedules."""
    answer = session.connection.workflows.DeleteWorkflow(pb.DeleteWorkflowRequest(workflow_id=workflow_id))
    session.output.answer(to_plain(answer), f"deleted {workflow_id}")
