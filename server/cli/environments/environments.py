"""`switchyard env`: cloud development environments, from their making to their end."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import typer

from gateway_options.v1 import options_pb2
from server.cli.assignments import read_config_file
from server.cli.environments import facts, output, quotas, schedules, stores
from server.cli.environments.changes import STATUS, changes, settled, state_text
from server.cli.environments.facts import CLOUD_PROVIDER, CloudProvider, EnvironmentArgument
from server.cli.failures import CommandFailed, ExitCode
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.environments.v1 import environment_service_pb2 as pb
from switchyard.environments.v1.environment_pb2 import Environment

group = typer.Typer(name="env", help="Development environments: make one, use it, be rid of it.", no_args_is_help=True)
group.add_typer(output.group)
group.add_typer(facts.group)
group.add_typer(stores.group)
group.add_typer(schedules.group)
group.add_typer(quotas.group)
group.add_typer(stores.templates)
group.add_typer(stores.orphans)

Status = Enum("Status", {name: name for name in enum_names(STATUS)}, type=str)  # type: ignore[misc]
# Field by what a file may call it, the name in the HTTP API among it.
SECRETS: Final[Mapping[str, str]] = {
    name: field.name
    for field in pb.CreateEnvironmentRequest.DESCRIPTOR.fields
    if field.GetOptions().Extensions[options_pb2.field].secret
    for name in (field.name, field.json_name, field.name.upper())
}
# The server itself waits 10 s for the end.
OPERATION_SECONDS: Final = 30.0

AutoStopOption = Annotated[
    int | None, typer.Option(metavar="MINUTES", help="Stop it after so long without activity; 0 for never.")
]
MaxRunOption = Annotated[
    int | None, typer.Option(metavar="MINUTES", help="Stop it so long after a start in any case; 0 for never.")
]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Show how far it is, and wait for the end.")]


@remote(group, "create")
def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="What people call it.")],
    provider: Annotated[CloudProvider, typer.Option(help="The cloud. While none is configured: this machine.")],
    region: Annotated[str, typer.Option(help="Region there, for example eastus.")],
    cpu: Annotated[int | None, typer.Option(min=1, max=4, help="Processor cores. Without it: the template's.")] = None,
    memory: Annotated[int | None, typer.Option(min=1, max=16, help="Memory in GB. As --cpu.")] = None,
    storage: Annotated[int | None, typer.Option(min=10, max=100, help="Storage in GB. As --cpu.")] = None,
    template: Annotated[str, typer.Option(metavar="ID", help="What it is made from.")] = "",
    user: Annotated[str, typer.Option(metavar="NAME", help="Whose it is. Without it: yours.")] = "",
    auto_stop: AutoStopOption = None,
    max_run: MaxRunOption = None,
    secrets_file: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="YAML or JSON: codeServerPassword, githubToken, sshPublicKey..."
        ),
    ] = None,
    request_id: RequestIdOption = None,
    wait: WaitOption = True,
) -> None:
    """Make an environment and print its id. A password that was made for its editor is shown this once."""
    request = pb.CreateEnvironmentRequest(
        user_id=user,
        name=name,
        cloud_provider=enum_number(CLOUD_PROVIDER, provider.value),  # type: ignore[arg-type]
        cloud_region=region,
        cpu_cores=cpu,
        memory_gb=memory,
        storage_gb=storage,
        template_id=template,
        auto_stop_minutes=auto_stop,
        max_run_minutes=max_run,
        request_id=request_id or str(uuid4()),
        **to_secrets(read_config_file(secrets_file) if secrets_file else {}),
    )
    answer = session.connection.environments.CreateEnvironment(request)
    session.output.answer(to_plain(answer), answer.environment.id)
    if answer.HasField("generated_password"):
        session.output.note(f"password of its editor: {answer.generated_password} (it is not shown again)")
    if wait:
        expect(settled(session, answer.environment.id), Environment.STATUS_RUNNING, session)


def to_secrets(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return secrets by the names of their fields.

    Raises:
        CommandFailed: one has a name that none has, or is no text. The message shows no value.
    """
    unknown = [name for name in told if name not in SECRETS]
    if unknown:
        known = ", ".join(sorted({name for name in SECRETS if "_" not in name}))
        raise CommandFailed(f"{', '.join(unknown)}: no such secret; there are {known}", ExitCode.USAGE)
    for name, value in told.items():
        if not isinstance(value, str):
            raise CommandFailed(f"{name} must be a text; put it in quotes", ExitCode.USAGE)
    return {SECRETS[name]: value for name, value in told.items()}


def expect(environment: Environment | None, wanted: Environment.Status.ValueType, session: Session) -> None:
    """Tell where an environment has come to.

    Raises:
        CommandFailed: somewhere else than it was to.
    """
    if environment is None:
        raise CommandFailed("the environment was deleted meanwhile", ExitCode.NOT_FOUND)
    if environment.status != wanted:
        raise CommandFailed(state_text(environment))
    session.output.note(state_text(environment))


@remote(group, "list")
def list_environments(
    session: Session,
    user: Annotated[str, typer.Option(metavar="NAME", help="Only those of this user.")] = "",
    status: Annotated[Status | None, typer.Option(help="Only those that stand there.")] = None,
    page: Annotated[int, typer.Option(min=1)] = 1,
    page_size: Annotated[int, typer.Option(min=1, max=100)] = 20,
) -> None:
    """List environments, newest first."""
    request = pb.ListEnvironmentsRequest(user_id=user, page=page, page_size=page_size)
    if status is not None:
        request.status = enum_number(STATUS, status.value)  # type: ignore[assignment]
    answer = session.connection.environments.ListEnvironments(request)
    rows = (
        (
            one.id,
            one.name,
            one.user_id,
            str(enum_name(STATUS, one.status)),
            place_text(one),
            size_text(one),
            local_time(one.created_at),
        )
        for one in answer.environments
    )
    columns = ("ID", "NAME", "USER", "STATUS", "AT", "SIZE", "CREATED")
    session.output.table(to_plain(answer), columns, rows, empty="there are no environments")
    if answer.total > answer.page * answer.page_size:
        session.output.note(f"{answer.total} in all; --page shows more")


def place_text(environment: Environment) -> str:
    """Return who runs it, and where: "azure eastus"."""
    return f"{environment.provider} {environment.cloud_region}"


def size_text(environment: Environment) -> str:
    """Return how large it is: "2 cores, 4 GB, 20 GB of storage"."""
    cores = "1 core" if environment.cpu_cores == 1 else f"{environment.cpu_cores} cores"
    return f"{cores}, {environment.memory_gb} GB, {environment.storage_gb} GB of storage"


@remote(group, "show")
def show(session: Session, environment_id: EnvironmentArgument) -> None:
    """Show an environment."""
    answer = session.connection.environments.GetEnvironment(pb.GetEnvironmentRequest(id=environment_id))
    one = answer.environment
    facts = [
        ("Environment", one.id),
        ("Name", one.name),
        ("User", one.user_id),
        ("State", state_text(one)),
        ("Opens at", one.vs_code_url),
        ("Runs at", f"{place_text(one)} (asked for: {enum_name(CLOUD_PROVIDER, one.cloud_provider)})"),
        ("Size", size_text(one)),
        ("Template", one.template_id),
        ("Stops", stops_text(one)),
        ("Kept awake", awake_text(one)),
        ("Difference", one.drift),
        ("Task", one.task_id),
        ("Created", local_time(one.created_at)),
        ("Last used", local_time(one.last_accessed_at)),
    ]
    session.output.facts(to_plain(one), facts)


def stops_text(environment: Environment) -> str:
    """Return when it is stopped by itself."""
    words = []
    if environment.auto_stop_minutes:
        words.append(f"after {environment.auto_stop_minutes} minutes without activity")
    if environment.max_run_minutes:
        words.append(f"{environment.max_run_minutes} minutes after a start in any case")
    return "; ".join(words) or "only when told to"


def awake_text(environment: Environment) -> str:
    """Return until when it is kept awake, and why; empty when nothing does."""
    if environment.HasField("keep_awake_until"):
        return f"until {local_time(environment.keep_awake_until)}: {environment.keep_awake_reason}"
    if environment.HasField("keep_awake_task_id"):
        return f"until task {environment.keep_awake_task_id} ends: {environment.keep_awake_reason}"
    return ""


@remote(group, "update")
def update(
    session: Session,
    environment_id: EnvironmentArgument,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    auto_stop: AutoStopOption = None,
    max_run: MaxRunOption = None,
) -> None:
    """Change the name of an environment, or when it is stopped by itself."""
    request = pb.UpdateEnvironmentRequest(
        id=environment_id, name=name, auto_stop_minutes=auto_stop, max_run_minutes=max_run
    )
    if request == pb.UpdateEnvironmentRequest(id=environment_id):
        raise CommandFailed("nothing to change: give --name, --auto-stop or --max-run", ExitCode.USAGE)
    environment = session.connection.environments.UpdateEnvironment(request).environment
    session.output.answer(to_plain(environment), f"changed {environment_id}, stops {stops_text(environment)}")


@remote(group, "start")
def start(session: Session, environment_id: EnvironmentArgument, wait: WaitOption = True) -> None:
    """Start an environment that is stopped, or that went wrong."""
    request = pb.StartEnvironmentRequest(id=environment_id, request_id=str(uuid4()))
    with session.output.waiting("starting"):
        answer = session.connection.environments.StartEnvironment(request, timeout=OPERATION_SECONDS)
    session.output.answer(to_plain(answer), environment_id)
    if wait:
        expect(settled(session, environment_id), Environment.STATUS_RUNNING, session)


@remote(group, "stop")
def stop(session: Session, environment_id: EnvironmentArgument, wait: WaitOption = True) -> None:
    """Stop an environment. Its files stay."""
    request = pb.StopEnvironmentRequest(id=environment_id)
    with session.output.waiting("stopping"):
        answer = session.connection.environments.StopEnvironment(request, timeout=OPERATION_SECONDS)
    session.output.answer(to_plain(answer), environment_id)
    if wait:
        expect(settled(session, environment_id), Environment.STATUS_STOPPED, session)


@remote(group, "delete")
def delete(session: Session, environment_id: EnvironmentArgument, wait: WaitOption = True) -> None:
    """Delete an environment with its files, whatever state it is in."""
    request = pb.DeleteEnvironmentRequest(id=environment_id)
    with session.output.waiting("deleting"):
        answer = session.connection.environments.DeleteEnvironment(request, timeout=OPERATION_SECONDS)
    session.output.answer(to_plain(answer), environment_id)
    if wait and settled(session, environment_id) is None:
        session.output.note("it is gone")


@remote(group, "watch")
def watch(session: Session, environment_id: EnvironmentArgument) -> None:
    """Tell each change of an environment until it is gone. Ctrl-C ends it."""
    shown = ""
    for environment in changes(session, environment_id):
        text = state_text(environment)
        if session.output.as_json:
            session.output.record(to_plain(environment))
        elif text != shown:
            session.output.line(text)
        shown = text
    session.output.note("it is gone")
