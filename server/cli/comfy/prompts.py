"""`switchyard comfy queue`, and what there is to do with prompts afterwards: follow, list, fetch, cancel."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn
from uuid import uuid4

import grpc
import typer
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from server.cli.artifacts import fetch
from server.cli.comfy.prompt_progress import PromptProgress
from server.cli.failures import CommandFailed, ExitCode
from server.cli.live_log import await_server, refuse_unless_broken
from server.cli.orchestrator.workflow_file import read_text
from server.cli.output import printable, size_text
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.comfy.v1 import workflow_service_pb2 as pb
from switchyard.comfy.v1.prompt_pb2 import Prompt

group = typer.Typer()

STATUS: Final = Prompt.Status.DESCRIPTOR
SEED_POLICY: Final = pb.QueueWorkflowRequest.SeedPolicy.DESCRIPTOR
Status = Enum("Status", {name: name for name in enum_names(STATUS)}, type=str)  # type: ignore[misc]
SeedPolicy = Enum("SeedPolicy", {name: name for name in enum_names(SEED_POLICY)}, type=str)  # type: ignore[misc]

# The server waits for the page to give its graph, then for ComfyUI to take it.
QUEUE_SECONDS: Final = 150.0
BAR_CHARACTERS: Final = 30

SessionOption = Annotated[str, typer.Option("--session", metavar="NAME", help="Which one. Without it: default.")]
PromptArgument = Annotated[str, typer.Argument(metavar="PROMPT", help="Id of the prompt.")]


@remote(group, "queue")
def queue(
    session: Session,
    iterations: Annotated[int, typer.Option("--iterations", "-n", min=1, max=100, help="How often.")] = 1,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NODE.WIDGET=VALUE", help="A value; NODE is an id or a title. May be repeated."),
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON with values: {node: {widget: value}}.")
    ] = None,
    seed_policy: Annotated[SeedPolicy | None, typer.Option(help="Which seed each iteration has.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The first seed, or the one of all.")] = None,
    timeout: Annotated[
        int | None, typer.Option(min=1, max=86_400, help="Seconds allowed for each prompt, else six hours.")
    ] = None,
    name: SessionOption = "",
    request_id: RequestIdOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show how far they are and wait for their end.")] = False,
) -> None:
    """Queue the open workflow and print the ids of its prompts.

    With --wait the exit code is 0 when all of them succeeded, else 1. Ctrl-C only stops the waiting.
    """
    tree = to_inputs(values or (), over=json.loads(read_text(inputs)) if inputs else {})
    request = pb.QueueWorkflowRequest(
        iterations=iterations,
        inputs=json.dumps(tree) if tree else "",
        seed=seed,
        timeout_seconds=timeout,
        session=name,
        request_id=request_id or str(uuid4()),
    )
    if seed is not None:
        request.seed_policy = pb.QueueWorkflowRequest.SEED_POLICY_FIXED
    if seed_policy is not None:
        request.seed_policy = enum_number(SEED_POLICY, seed_policy.value)  # type: ignore[assignment]
    with session.output.waiting("queueing"):
        answer = session.connection.comfy_workflows.QueueWorkflow(request, timeout=QUEUE_SECONDS)
    session.output.answer(to_plain(answer), *answer.details.prompt_ids)
    if wait:
        follow_to_end(session, answer.details.prompt_ids)


def to_inputs(words: Iterable[str], *, over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `words` (NODE.WIDGET=VALUE) laid over `over`, {node: {widget: value}}.

    The node ends at the first dot. A value that is JSON is read as such: 3 is a number, "3" in quotes a text.

    Raises:
        CommandFailed: a word is something else.
    """
    tree = {node: dict(widgets) if isinstance(widgets, dict) else widgets for node, widgets in over.items()}
    for word in words:
        key, equals, text = word.partition("=")
        node, dot, widget = key.partition(".")
        if not (node and dot and widget and equals):
            raise CommandFailed(f"{word!r} must be NODE.WIDGET=VALUE", ExitCode.USAGE)
        widgets = tree.setdefault(node, {})
        if not isinstance(widgets, dict):
            raise CommandFailed(f"{node!r} must hold widgets and their values", ExitCode.USAGE)
        widgets[widget] = read_value(text)
    return tree


def read_value(text: str) -> Any:
    """Return the JSON value that `text` is, else `text` itself, as a prompt of several words is."""
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except ValueError:
        return text


def refuse_constant(name: str) -> NoReturn:
    """Take NaN and Infinity, which Python reads and JSON does not know, for texts."""
    raise ValueError(name)


def follow_to_end(session: Session, prompt_ids: Sequence[str]) -> None:
    """Show how far the prompts are until all have ended.

    Raises:
        CommandFailed: not all of them succeeded.
    """
    progress = PromptProgress(len(prompt_ids))
    with session.output.live(lambda _room: picture(progress)):
        for prompt_id in prompt_ids:
            # Those of one session are executed in this order, and one that has ended already says so at once.
            prompt = follow(session, prompt_id, progress)
            progress.end(prompt)
            session.output.note(end_text(prompt))
    failed = [prompt for prompt in progress.ended if prompt.status != Prompt.STATUS_SUCCESS]
    if failed:
        first = printable(end_text(failed[0]))
        raise CommandFailed(f"{len(failed)} of {progress.count} did not succeed; the first: {first}")


def follow(session: Session, prompt_id: str, progress: PromptProgress) -> Prompt:
    """Return a prompt when it has ended; come back to it when the connection breaks."""
    request = pb.WatchPromptRequest(prompt_id=prompt_id)
    while True:
        try:
            for message in session.connection.comfy_workflows.WatchPrompt(request):
                for event in message.events:
                    progress.take(event)
                    if session.output.as_json:
                        session.output.record(to_plain(event))
                if message.HasField("end"):
                    if session.output.as_json:
                        session.output.record({"end": to_plain(message.end)})
                    return message.end
        except grpc.RpcError as error:
            refuse_unless_broken(error)
        session.output.note("the connection broke; coming back")
        await_server(session)


def picture(progress: PromptProgress) -> Table:
    """Return one line: a bar over all prompts, and what is at work."""
    line = Table.grid(padding=(0, 1))
    line.add_row(
        ProgressBar(total=progress.count, completed=progress.done, width=BAR_CHARACTERS),
        Text(printable(progress.words), no_wrap=True, overflow="ellipsis"),
    )
    return line


def end_text(prompt: Prompt) -> str:
    """Return how a prompt ended."""
    status = enum_name(STATUS, prompt.status)
    if prompt.HasField("error"):
        return f"prompt {prompt.prompt_id} {status}: {prompt.error.type}: {prompt.error.message}"
    files = {0: "", 1: ", 1 file"}.get(prompt.result_count, f", {prompt.result_count} files")
    return f"prompt {prompt.prompt_id} {status}{files}"


def at_work_text(prompt: Prompt) -> str:
    """Return which prompt is executed, and how far it is."""
    node = f", node {prompt.current_node}" if prompt.HasField("current_node") else ""
    share = f", {prompt.progress:.0%}" if prompt.HasField("progress") else ""
    return f"{prompt.prompt_id}{node}{share}"


@remote(group, "prompts")
def list_prompts(
    session: Session,
    name: Annotated[str, typer.Option("--session", metavar="NAME", help="Only those of sessions of this name.")] = "",
    status: Annotated[Status | None, typer.Option(help="Only this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    page_token: Annotated[str, typer.Option(metavar="TEXT", help="Asks for a further page.")] = "",
) -> None:
    """List prompts, newest first, also those of sessions that are over."""
    request = pb.ListPromptsRequest(session=name, page_size=limit, page_token=page_token)
    if status is not None:
        request.status = enum_number(STATUS, status.value)  # type: ignore[assignment]
    answer = session.connection.comfy_workflows.ListPrompts(request)
    rows = (
        (
            prompt.prompt_id,
            prompt.session,
            str(enum_name(STATUS, prompt.status)),
            str(prompt.result_count),
            local_time(prompt.create_time),
            prompt.error.message,
        )
        for prompt in answer.prompts
    )
    columns = ("PROMPT", "SESSION", "STATUS", "FILES", "QUEUED", "ERROR")
    session.output.table(to_plain(answer), columns, rows, empty="there are no prompts")
    if answer.next_page_token:
        session.output.note(f"there are more: --page-token {answer.next_page_token}")


@remote(group, "results")
def results(
    session: Session,
    prompt_ids: Annotated[list[str], typer.Argument(metavar="PROMPT...", help="Ids of prompts.")],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", file_okay=False, help="Put the files there; those of several prompts apart."),
    ] = None,
) -> None:
    """List the files that prompts left: pictures, videos, sounds."""
    workflows = session.connection.comfy_workflows
    answers = [workflows.ListPromptResults(pb.ListPromptResultsRequest(prompt_id=each)) for each in prompt_ids]
    if output is not None:
        for answer in answers:
            download(session, answer, output if len(answers) == 1 else output / answer.prompt_id)
    rows = (
        (answer.prompt_id, file.name, file.node_id, file.kind, size_text(file.size_bytes), file.sha256)
        for answer in answers
        for file in answer.results
    )
    columns = ("PROMPT", "NAME", "NODE", "KIND", "SIZE", "SHA256")
    session.output.table([to_plain(answer) for answer in answers], columns, rows, empty="there are no files")
    for answer in answers:
        if answer.status in (Prompt.STATUS_QUEUED, Prompt.STATUS_RUNNING):
            session.output.note(f"prompt {answer.prompt_id} is {enum_name(STATUS, answer.status)}; more may come")


def download(session: Session, answer: pb.ListPromptResultsResponse, folder: Path) -> None:
    """Fetch every file of a prompt into `folder`."""
    for file in answer.results:
        request = pb.DownloadPromptResultRequest(prompt_id=answer.prompt_id, name=file.name)
        fetch(session.output, session.connection.comfy_workflows.DownloadPromptResult(request), file, folder)


@remote(group, "cancel")
def cancel(
    session: Session,
    prompt_id: PromptArgument,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """Stop a prompt that waits or runs, and no other."""
    request = pb.CancelPromptRequest(prompt_id=prompt_id, reason=reason)
    prompt = session.connection.comfy_workflows.CancelPrompt(request).prompt
    session.output.answer(to_plain(prompt), f"prompt {prompt_id} is {enum_name(STATUS, prompt.status)}")
