"""`switchyard workflow` versions, diff: what a workflow was, and what has changed since."""

from collections.abc import Iterator
from typing import Annotated

import typer

from server.cli.orchestrator.workflows import WorkflowArgument
from server.cli.plain import local_time, to_plain
from server.cli.session import Session, remote
from switchyard.orchestrator.v1 import workflow_service_pb2 as pb

group = typer.Typer()


@remote(group, "versions")
def versions(
    session: Session,
    workflow_id: WorkflowArgument,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    page_token: Annotated[str, typer.Option(metavar="TEXT", help="Asks for a further page.")] = "",
) -> None:
    """List the versions of a workflow, newest first."""
    request = pb.ListWorkflowVersionsRequest(workflow_id=workflow_id, page_size=limit, page_token=page_token)
    answer = session.connection.workflows.ListWorkflowVersions(request)
    rows = (
        (str(one.version), local_time(one.created_at), one.created_by, str(one.node_count), one.sha256)
        for one in answer.versions
    )
    columns = ("VERSION", "SENT", "BY", "NODES", "SHA256")
    session.output.table(to_plain(answer), columns, rows, empty="there are no versions")
    if answer.next_page_token:
        session.output.note(f"there are more: --page-token {answer.next_page_token}")


@remote(group, "diff")
def diff(
    session: Session,
    workflow_id: WorkflowArgument,
    earlier: Annotated[
        int | None, typer.Option("--from", min=1, help="Which version. Without it: the one before.")
    ] = None,
    later: Annotated[int | None, typer.Option("--to", min=1, help="Which version. Without it: the newest.")] = None,
) -> None:
    """Tell what differs between two versions, by what they mean and not by how they are written."""
    # `from` is a word of Python.
    request = pb.DiffWorkflowRequest(workflow_id=workflow_id, to=later or 0, **{"from": earlier or 0})
    answer = session.connection.workflows.DiffWorkflow(request)
    session.output.answer(to_plain(answer), *(list(difference_lines(answer)) or ["nothing differs"]))


def difference_lines(answer: pb.DiffWorkflowResponse) -> Iterator[str]:
    """Yield a line for each difference: what is new after "+", what is gone after "-", what has changed after "~"."""
    yield from (f"+ node {node_id}" for node_id in answer.added_nodes)
    yield from (f"- node {node_id}" for node_id in answer.removed_nodes)
    for node in answer.changed_nodes:
        kind = node.new_type if node.new_type == node.old_type else f"{node.old_type} -> {node.new_type}"
        yield f"~ node {node.node_id} ({kind}): {node.old_config or '{}'} -> {node.new_config or '{}'}"
    yield from (f"+ connection {connection}" for connection in answer.added_connections)
    yield from (f"- connection {connection}" for connection in answer.removed_connections)
    if answer.settings_changed:
        yield "~ settings or variables"
