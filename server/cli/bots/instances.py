"""`switchyard bots`: instances, their configuration and their files."""

import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

import typer
from google.api import httpbody_pb2

from server.cli.assignments import read_config_file, to_struct
from server.cli.failures import CommandFailed, ExitCode
from server.cli.output import Output, Transfer, size_text
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.bots.v1 import bot_instance_pb2, run_pb2, run_service_pb2
from switchyard.bots.v1 import bot_instance_service_pb2 as pb

group = typer.Typer(name="bots", help="Bot instances and their runs.", no_args_is_help=True)
config_group = typer.Typer(name="config", help="The config.yaml of an instance.", no_args_is_help=True)
group.add_typer(config_group)

OWNER_TYPE: Final = bot_instance_pb2.OwnerType.DESCRIPTOR
STATUS: Final = bot_instance_pb2.BotInstance.Status.DESCRIPTOR
VALIDATION: Final = bot_instance_pb2.ValidationStatus.DESCRIPTOR
RUN_STATUS: Final = run_pb2.RunStatus.DESCRIPTOR

OwnerType = Enum("OwnerType", {name: name for name in enum_names(OWNER_TYPE)}, type=str)  # type: ignore[misc]
Status = Enum("Status", {name: name for name in enum_names(STATUS)}, type=str)  # type: ignore[misc]

InstanceArgument = Annotated[str, typer.Argument(metavar="INSTANCE", help="Id of the instance.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)]
ParamOption = Annotated[
    list[str] | None, typer.Option("--param", metavar="KEY=VALUE", help="A parameter of the bot; may be repeated.")
]

A_USER: Final = OwnerType("user")

# Bytes of a media file in one message.
PIECE_BYTES: Final = 256 * 1024
# Between two looks at a validation that is under way, in seconds.
LOOK_SECONDS: Final = 0.2


@remote(group, "create")
def create(
    session: Session,
    bot_code: Annotated[str, typer.Argument(metavar="BOT_CODE", help="Which bot runs, for example f2f_post or noop.")],
    owner_id: Annotated[str, typer.Option(help="Who owns the instance.")],
    owner_type: Annotated[OwnerType, typer.Option(help="What the owner is.")] = A_USER,
    config: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="YAML or JSON with keys of config.yaml.")
    ] = None,
    param: ParamOption = None,
    request_id: RequestIdOption = None,
) -> None:
    """Create an instance."""
    request = pb.CreateBotInstanceRequest(
        owner_type=enum_number(OWNER_TYPE, owner_type.value),  # type: ignore[arg-type]
        owner_id=owner_id,
        bot_code=bot_code,
        config=to_struct((), over=read_config_file(config) if config else None),
        params=to_struct(param or ()),
        request_id=request_id or str(uuid4()),
    )
    instance = session.connection.bots.CreateBotInstance(request).bot_instance
    session.output.answer(to_plain(instance), instance.id)


@remote(group, "list")
def list_instances(
    session: Session,
    owner_type: Annotated[OwnerType | None, typer.Option(help="Only this kind of owner.")] = None,
    owner_id: Annotated[str, typer.Option(help="Only this owner.")] = "",
    bot_code: Annotated[str, typer.Option(help="Only this bot.")] = "",
    status: Annotated[Status | None, typer.Option(help="Only this status.")] = None,
    page: Annotated[int, typer.Option(min=1)] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100)] = 20,
) -> None:
    """List instances, newest first."""
    request = pb.ListBotInstancesRequest(owner_id=owner_id, bot_code=bot_code, page=page, per_page=per_page)
    if owner_type is not None:
        request.owner_type = enum_number(OWNER_TYPE, owner_type.value)  # type: ignore[assignment]
    if status is not None:
        request.status = enum_number(STATUS, status.value)  # type: ignore[assignment]
    answer = session.connection.bots.ListBotInstances(request)
    rows = (
        (
            instance.id,
            instance.bot_code,
            f"{enum_name(OWNER_TYPE, instance.owner_type)} {instance.owner_id}",
            str(enum_name(STATUS, instance.status)),
            validation_text(instance),
            local_time(instance.created_at),
        )
        for instance in answer.bot_instances
    )
    columns = ("ID", "BOT", "OWNER", "STATUS", "VALIDATION", "CREATED")
    session.output.table(to_plain(answer), columns, rows, empty="there are no instances")
    if answer.total_pages > answer.page:
        session.output.note(f"page {answer.page} of {answer.total_pages}, {answer.total} in all; --page shows more")


@remote(group, "show")
def show(session: Session, instance_id: InstanceArgument) -> None:
    """Show an instance, its files and its newest run."""
    bots, runs = session.connection.bots, session.connection.runs
    instance = bots.GetBotInstance(pb.GetBotInstanceRequest(id=instance_id)).bot_instance
    inputs = bots.ListInputs(pb.ListInputsRequest(id=instance_id))
    newest = runs.ListRuns(run_service_pb2.ListRunsRequest(id=instance_id, limit=1)).runs
    plain = {
        **to_plain(instance),
        "cookies_uploaded": inputs.cookies_uploaded,
        "inputs": [to_plain(file) for file in inputs.inputs],
        "newest_run": to_plain(newest[0]) if newest else None,
    }
    files = ", ".join(f"{file.path} ({size_text(file.size_bytes)})" for file in inputs.inputs)
    facts = [
        ("Id", instance.id),
        ("Bot", instance.bot_code),
        ("Owner", f"{enum_name(OWNER_TYPE, instance.owner_type)} {instance.owner_id}"),
        ("Status", str(enum_name(STATUS, instance.status))),
        ("Validation", validation_text(instance)),
        ("Configuration", instance.config_path),
        ("Cookies", "uploaded" if inputs.cookies_uploaded else "none"),
        ("Inputs", files or "none"),
        ("Created", local_time(instance.created_at)),
        ("Newest run", f"{newest[0].id} {enum_name(RUN_STATUS, newest[0].status)}" if newest else "none"),
    ]
    session.output.facts(plain, facts)


@remote(group, "delete")
def delete(
    session: Session,
    instance_id: InstanceArgument,
    force: Annotated[bool, typer.Option("--force", help="Stop an active run first.")] = False,
) -> None:
    """Delete an instance with its files, runs, logs and artifacts."""
    with session.output.waiting("deleting"):
        # With --force the server waits for the end of the run.
        answer = session.connection.bots.DeleteBotInstance(
            pb.DeleteBotInstanceRequest(id=instance_id, force=force), timeout=60
        )
    session.output.answer(to_plain(answer), f"deleted {instance_id}")


@remote(config_group, "show")
def show_config(session: Session, instance_id: InstanceArgument) -> None:
    """Print config.yaml as it stands on disk."""
    body = session.connection.bots.GetBotConfig(pb.GetBotConfigRequest(id=instance_id))
    text = body.data.decode("utf-8", errors="replace")
    if session.output.as_json:
        session.output.record({"config_yaml": text})
    else:
        session.output.raw(text)


@remote(config_group, "set")
def set_config(
    session: Session,
    instance_id: InstanceArgument,
    values: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Keys of config.yaml; `key=` alone removes it.")
    ] = None,
    param: ParamOption = None,
    file: Annotated[
        Path | None, typer.Option("--file", exists=True, dir_okay=False, help="YAML or JSON with further keys.")
    ] = None,
) -> None:
    """Change keys of config.yaml; the others stay."""
    request = pb.UpdateBotInstanceRequest(
        id=instance_id,
        config=to_struct(values or (), over=read_config_file(file) if file else None),
        params=to_struct(param or ()),
    )
    if not request.HasField("config") and not request.HasField("params"):
        raise CommandFailed("nothing to set: give KEY=VALUE, --param or --file", ExitCode.USAGE)
    instance = session.connection.bots.UpdateBotInstance(request).bot_instance
    session.output.answer(to_plain(instance), f"changed {instance.config_path}")


@remote(group, "upload-cookies")
def upload_cookies(session: Session, instance_id: InstanceArgument, file: FileArgument) -> None:
    """Upload the cookies the browser starts with: a Playwright storage state or a list of cookies, JSON."""
    body = httpbody_pb2.HttpBody(content_type="application/json", data=file.read_bytes())
    with session.output.waiting(f"uploading {file.name}"):
        answer = session.connection.bots.UploadCookies(pb.UploadCookiesRequest(id=instance_id, file=body))
    session.output.answer(to_plain(answer), f"stored the cookies of {file}")


@remote(group, "upload-captions")
def upload_captions(session: Session, instance_id: InstanceArgument, file: FileArgument) -> None:
    """Upload the captions: CSV in UTF-8 with a header row."""
    body = httpbody_pb2.HttpBody(content_type="text/csv", data=file.read_bytes())
    with session.output.waiting(f"uploading {file.name}"):
        answer = session.connection.bots.PutCaptions(pb.PutCaptionsRequest(id=instance_id, file=body))
    report_input(session.output, answer.input)


@remote(group, "upload-media")
def upload_media(
    session: Session,
    instance_id: InstanceArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, readable=True)],
) -> None:
    """Upload media files, each under its own name."""
    for file in files:
        with session.output.transfer(file.name, file.stat().st_size) as transfer:
            answer = session.connection.bots.PutMedia(media_pieces(instance_id, file, transfer))
        report_input(session.output, answer.input)


@remote(group, "delete-media")
def delete_media(
    session: Session,
    instance_id: InstanceArgument,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of media files, without a folder.")],
) -> None:
    """Delete media files."""
    for name in names:
        answer = session.connection.bots.DeleteMedia(pb.DeleteMediaRequest(id=instance_id, name=name))
        session.output.answer(to_plain(answer), f"deleted {name}")


def media_pieces(instance_id: str, file: Path, transfer: Transfer) -> Iterator[pb.PutMediaRequest]:
    """Yield the messages that carry `file`; the first one names it."""
    request = pb.PutMediaRequest(id=instance_id, name=file.name)
    with file.open("rb") as content:
        while piece := content.read(PIECE_BYTES):
            request.file.data = piece
            yield request
            transfer.advance(len(piece))
            request = pb.PutMediaRequest()
    # Carries the name of an empty file as well.
    request.last = True
    yield request


def report_input(output: Output, file: bot_instance_pb2.InputFile) -> None:
    """Print a file that was stored."""
    output.answer(to_plain(file), f"stored {file.path}, {size_text(file.size_bytes)}, sha256 {file.sha256}")


@remote(group, "validate")
def validate(
    session: Session,
    instance_id: InstanceArgument,
    wait: Annotated[bool, typer.Option(help="Wait for the verdict.")] = True,
    timeout: Annotated[float, typer.Option(min=1, help="Longest wait in seconds.")] = 60.0,
) -> None:
    """Check configuration, cookies and inputs. Exit code 1 when something is wrong."""
    bots = session.connection.bots
    request = pb.ValidateBotInstanceRequest(id=instance_id, request_id=str(uuid4()))
    started = bots.ValidateBotInstance(request)
    if not wait:
        session.output.answer(to_plain(started), f"validation {started.job_id} is {started.status}")
        return
    with session.output.waiting("validating"):
        verdict = await_verdict(session, instance_id, seconds=timeout)
    report_verdict(session.output, instance_id, verdict)


def await_verdict(session: Session, instance_id: str, *, seconds: float) -> pb.GetValidationResponse:
    """Return the outcome of the validation under way.

    Raises:
        CommandFailed: there is none after `seconds`.
    """
    limit = time.monotonic() + seconds
    while True:
        verdict = session.connection.bots.GetValidation(pb.GetValidationRequest(id=instance_id))
        if verdict.validation_status != bot_instance_pb2.VALIDATION_STATUS_PENDING:
            return verdict
        if time.monotonic() > limit:
            raise CommandFailed(f"no verdict after {seconds:g} s; is a worker running? (switchyard up)")
        time.sleep(LOOK_SECONDS)


def report_verdict(output: Output, instance_id: str, verdict: pb.GetValidationResponse) -> None:
    """Print every check.

    Raises:
        CommandFailed: the instance is not valid.
    """
    rows = (("ok" if check.ok else "WRONG", check.name, check.message) for check in verdict.checks)
    output.table(to_plain(verdict), ("", "CHECK", "FOUND"), rows, empty="the validator listed no checks")
    if verdict.validation_status != bot_instance_pb2.VALIDATION_STATUS_VALID:
        reasons = " ".join(verdict.errors) or "no reason was given"
        raise CommandFailed(f"{instance_id} is not valid: {reasons}")
    output.note(f"{instance_id} is valid")


def validation_text(instance: bot_instance_pb2.BotInstance) -> str:
    """Say in words what the last validation found and when."""
    if not instance.HasField("validation_status"):
        return "never"
    status = enum_name(VALIDATION, instance.validation_status)
    if not instance.HasField("last_validated_at"):
        return str(status)
    return f"{status} ({local_time(instance.last_validated_at)})"
