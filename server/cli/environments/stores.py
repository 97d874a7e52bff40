"""`switchyard env` templates: what environments are made from; reconcile, comparisons, orphans: what providers have."""

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import ParseDict, ParseError

from server.cli.assignments import read_config_file
from server.cli.failures import CommandFailed, ExitCode
from server.cli.pages import PAGE_SIZE, pages
from server.cli.plain import local_time, to_plain
from server.cli.session import Session, remote
from switchyard.environments.v1 import reconciliation_service_pb2
from switchyard.environments.v1 import template_service_pb2 as pb

group = typer.Typer()
templates = typer.Typer(name="templates", help="What environments are made from.", no_args_is_help=True)
orphans = typer.Typer(
    name="orphans", help="What providers have of ours that belongs to no environment.", no_args_is_help=True
)

TemplateArgument = Annotated[str, typer.Argument(metavar="TEMPLATE", help="Id of the template.")]
FileArgument = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="YAML or JSON: templateId, cpuCores, startupScript...")
]


@remote(templates, "list")
def list_templates(session: Session) -> None:
    """List templates by their ids."""
    request = pb.ListTemplatesRequest(page_size=PAGE_SIZE)
    call = session.connection.environment_templates.ListTemplates
    found = [template for page in pages(call, request) for template in page.templates]
    rows = (
        (
            one.template_id,
            str(one.cpu_cores),
            f"{one.memory_gb} GB",
            f"{one.storage_gb} GB",
            one.image,
            one.description,
        )
        for one in found
    )
    columns = ("TEMPLATE", "CORES", "MEMORY", "STORAGE", "IMAGE", "DESCRIPTION")
    session.output.table([to_plain(one) for one in found], columns, rows, empty="there are no templates")


@remote(templates, "show")
def show_template(session: Session, template_id: TemplateArgument) -> None:
    """Show a template."""
    request = pb.GetTemplateRequest(template_id=template_id)
    one = session.connection.environment_templates.GetTemplate(request).template
    facts = [
        ("Template", one.template_id),
        ("Description", one.description),
        ("Image", one.image),
        ("Size", f"{one.cpu_cores} cores, {one.memory_gb} GB, {one.storage_gb} GB of storage"),
        ("Ports", ", ".join(f"{port.name} {port.port}" for port in one.ports)),
        ("Auto-stop", f"{one.auto_stop_minutes} minutes" if one.HasField("auto_stop_minutes") else ""),
        ("Script", one.startup_script),
        ("Changed", local_time(one.updated_at)),
    ]
    session.output.facts(to_plain(one), facts)


@remote(templates, "add")
def add_template(session: Session, file: FileArgument) -> None:
    """Store a template."""
    request = pb.CreateTemplateRequest(template=read_template(file))
    stored = session.connection.environment_templates.CreateTemplate(request).template
    session.output.answer(to_plain(stored), stored.template_id)


@remote(templates, "update")
def update_template(session: Session, template_id: TemplateArgument, file: FileArgument) -> None:
    """Replace a template. Environments that were made from it stay as they are."""
    template = read_template(file)
    request = pb.UpdateTemplateRequest(template_id=template_id, template=template)
    stored = session.connection.environment_templates.UpdateTemplate(request).template
    session.output.answer(to_plain(stored), f"changed {template_id}")


def read_template(file: Path) -> pb.Template:
    """Return the template in a file.

    Raises:
        CommandFailed: it holds something else.
    """
    try:
        return ParseDict(read_config_file(file), pb.Template())
    except ParseError as error:
        raise CommandFailed(f"{file}: {' '.join(str(error).split())}", ExitCode.USAGE) from error


@remote(templates, "delete")
def delete_template(session: Session, template_id: TemplateArgument) -> None:
    """Delete a template. Environments that were made from it stay."""
    request = pb.DeleteTemplateRequest(template_id=template_id)
    answer = session.connection.environment_templates.DeleteTemplate(request)
    session.output.answer(to_plain(answer), f"deleted {template_id}")


@remote(group, "reconcile")
def reconcile(session: Session) -> None:
    """Have all environments compared with what providers have now, and print the ids of the tasks that do it."""
    answer = session.connection.reconciliation.Reconcile(reconciliation_service_pb2.ReconcileRequest())
    session.output.answer(to_plain(answer), *answer.task_ids)


@remote(group, "comparisons")
def comparisons(session: Session) -> None:
    """Tell how the comparisons with what providers have went last."""
    request = reconciliation_service_pb2.GetReconciliationRequest()
    answer = session.connection.reconciliation.GetReconciliation(request)
    rows = (
        (
            one.provider,
            local_time(one.compare_time) if one.HasField("compare_time") else "never",
            str(one.found),
            str(one.corrected),
            str(one.shown),
            str(one.orphans),
            one.error,
        )
        for one in answer.comparisons
    )
    columns = ("PROVIDER", "COMPARED", "FOUND", "CORRECTED", "DIFFERENT", "ORPHANS", "ERROR")
    session.output.table(to_plain(answer), columns, rows, empty="there are no providers")


@remote(orphans, "list")
def list_orphans(
    session: Session,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
    page_token: Annotated[str, typer.Option(metavar="TEXT", help="Asks for a further page.")] = "",
) -> None:
    """List orphans, oldest first."""
    request = reconciliation_service_pb2.ListOrphansRequest(page_size=limit, page_token=page_token)
    answer = session.connection.reconciliation.ListOrphans(request)
    rows = (
        (one.provider, one.environment_id, ", ".join(one.resources), local_time(one.see_time), one.task_id)
        for one in answer.orphans
    )
    columns = ("PROVIDER", "ENVIRONMENT", "RESOURCES", "SEEN", "REMOVED BY")
    session.output.table(to_plain(answer), columns, rows, empty="there are no orphans")
    if answer.next_page_token:
        session.output.note(f"there are more: --page-token {answer.next_page_token}")


@remote(orphans, "remove")
def remove_orphan(
    session: Session,
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="azure, aws, gcp or local.")],
    environment_id: Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="As the list shows it.")],
) -> None:
    """Remove an orphan at its provider, with its files."""
    request = reconciliation_service_pb2.RemoveOrphanRequest(provider=provider, environment_id=environment_id)
    answer = session.connection.reconciliation.RemoveOrphan(request)
    session.output.answer(to_plain(answer), f"task {answer.task_id} removes it")
