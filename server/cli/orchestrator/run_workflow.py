"""`switchyard workflow run`: a workflow file, run on this machine, and what there is to see of it."""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table
from rich.text import Text

from server.cli.assignments import read_config_file, to_tree
from server.cli.failures import CommandFailed, ExitCode
from server.cli.orchestrator.graph_progress import GraphProgress, NodeProgress
from server.cli.orchestrator.local_run import Ended, LocalWorkflow, run_locally
from server.cli.orchestrator.workflow_file import read_graph
from server.cli.output import Output, printable
from server.cli.session import JsonOption
from server.config import ConfigInvalid, ServerConfig
from server.outbound import OutboundRule
from switchyard.orchestrator.v1.graph_pb2 import Graph

FOLDER_PREFIX: Final = "switchyard-workflow-"
# How states and log levels look.
STYLES: Final[Mapping[str, str]] = {
    "running": "bold cyan",
    "completed": "green",
    "failed": "red",
    "waiting": "dim",
    "skipped": "dim",
    "stopped": "yellow",
    "error": "red",
    "warning": "yellow",
    "debug": "dim",
}
# A variable is shown up to so many characters; `--json` gives it whole.
VALUE_CHARACTERS: Final = 200

VarOption = Annotated[
    list[str] | None, typer.Option("--var", metavar="KEY=VALUE", help="A variable of the workflow; may be repeated.")
]
FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="A workflow, JSON.")
]


def run(
    file: FileArgument,
    variables: VarOption = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="A secret the workflow refers to. Others on this machine can see it here."
        ),
    ] = None,
    secrets_file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="YAML or JSON with secrets by name.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Where the workflow reads and writes files. Without it: a new one."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a workflow on this machine, without a server. Workflows it names are read from files beside it.

    Ctrl-C stops it. The exit code is 0 when it completed, 1 when it failed, 130 when it was stopped.
    """
    output = Output(as_json=as_json)
    workflow = LocalWorkflow(
        graph=read_graph(file),
        variables=to_tree(variables or ()),
        secrets=read_secrets(secret or (), secrets_file),
        folder=make_folder(folder),
        neighbours=file.absolute().parent,
        rule=read_outbound_rule(os.environ),
    )
    view = RunView(output, workflow.graph)
    try:
        with view.shown():
            ended = asyncio.run(run_locally(workflow, view.take))
        view.tell_end(ended, workflow.folder)
    finally:
        leave_folder(output, workflow.folder, made=folder is None)
    expect_completed(file, ended)


def read_secrets(words: Sequence[str], file: Path | None) -> dict[str, str]:
    """Return secrets by name, those of `words` (key=value) before those in `file`.

    Raises:
        CommandFailed: a word is not key=value, or the file holds no map. The messages show no value.
    """
    secrets = {name: str(value) for name, value in (read_config_file(file) if file else {}).items()}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise CommandFailed("--secret must be key=value, the key letters, digits and underscores", ExitCode.USAGE)
        secrets[name] = value
    return secrets


def make_folder(folder: Path | None) -> Path:
    """Return the folder of the run, absolute, and there."""
    if folder is None:
        return Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute()


def leave_folder(output: Output, folder: Path, *, made: bool) -> None:
    """Say where the files of the run are; a folder that was `made` for none is removed."""
    if holds_files(folder):
        output.note(f"files are in {folder}")
    elif made:
        folder.rmdir()


def holds_files(folder: Path) -> bool:
    """Say whether anything is in a folder."""
    return any(folder.iterdir())


def read_outbound_rule(environ: Mapping[str, str]) -> OutboundRule:
    """Return which addresses may be called: those a server on this machine would allow.

    Raises:
        CommandFailed: the environment says it in a way that cannot be understood.
    """
    try:
        return OutboundRule(ServerConfig.from_environment(environ).outbound_allow, loopback_open=True)
    except ConfigInvalid as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error


def expect_completed(file: Path, ended: Ended) -> None:
    """Return if the run did all it should.

    Raises:
        KeyboardInterrupt: it was stopped.
        CommandFailed: it failed.
    """
    if ended.state == "cancelled":
        raise KeyboardInterrupt
    if ended.state != "succeeded":
        raise CommandFailed(f"{file} failed: {ended.error_type}: {ended.error_message}")


class RunView:
    """What people, or programs, see of one run."""

    def __init__(self, output: Output, graph: Graph) -> None:
        self._output = output
        self._progress = GraphProgress((node.id, node.type) for node in graph.nodes)
        self._began = time.monotonic()
        self._live = False
        self._artifacts: list[str] = []
        self._values: tuple[dict[str, Any], dict[str, Any]] = ({}, {})

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the run for as long as the block runs."""
        with self._output.live(self._picture) as self._live:
            try:
                yield
            finally:
                self._progress.end()

    def take(self, name: str, value: Any) -> None:
        """Take a message of the run."""
        self._progress.take(name, value, now=time.monotonic())
        match name:
            case "log":
                self._show_line(*value)
            case "executed":
                for execution in value:
                    self._show_execution(execution)
            case "artifact":
                self._artifacts.append(value[1])
            case "values":
                self._values = (json.loads(value[0]), json.loads(value[1]))

    def tell_end(self, ended: Ended, folder: Path) -> None:
        """Print what the run leaves."""
        variables, outputs = self._values
        if self._output.as_json:
            self._output.record(
                {
                    "end": {
                        "state": "completed" if ended.state == "succeeded" else ended.state,
                        "error_type": ended.error_type or None,
                        "error_message": ended.error_message or None,
                        "variables": variables,
                        "outputs": outputs,
                        "execution_count": self._progress.executions,
                        "folder": str(folder) if holds_files(folder) else None,
                        "artifacts": self._artifacts,
                    }
                }
            )
            return
        self._output.facts(None, [(name, shortened(json.dumps(value))) for name, value in variables.items()])
        seconds = time.monotonic() - self._began
        if ended.state == "succeeded":
            self._output.note(f"completed in {seconds:.1f} s, {self._progress.executions} executions of nodes")

    def _show_line(self, micros: int, level: str, text: str) -> None:
        instant = datetime.fromtimestamp(micros / 1e6, UTC)
        if self._output.as_json:
            stamp = instant.isoformat().replace("+00:00", "Z")
            self._output.record({"log": {"timestamp": stamp, "level": level, "message": text}})
        else:
            self._output.line(f"[{instant:%Y-%m-%d %H:%M:%S}] - {text}", style=STYLES.get(level, ""))

    def _show_execution(self, execution: Mapping[str, Any]) -> None:
        if self._output.as_json:
            texts = {name: json.loads(execution[name]) for name in ("inputs", "outputs")}
            self._output.record({"execution": {**execution, **texts}})
        elif not self._live:
            self._output.note(execution_text(execution))

    def _picture(self, room: int) -> Table:
        now = time.monotonic()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("", "NODE", "TYPE", "TURNS", "TOOK"):
            table.add_column(column, no_wrap=True, overflow="ellipsis")
        for node in self._progress.shown(room):
            table.add_row(*cells(node, now))
        return table


def cells(node: NodeProgress, now: float) -> tuple[Text, ...]:
    """Return the row of a node in the table."""
    turns = str(node.turns) if node.turns else ""
    took = milliseconds_text(node.milliseconds(now)) if node.turns or node.begun is not None else ""
    words = (node.state, printable(node.node_id), printable(node.node_type), turns, took)
    return tuple(Text(word, style=STYLES[node.state]) for word in words)


def execution_text(execution: Mapping[str, Any]) -> str:
    """Return one execution of a node as a line for people."""
    turn = f"[{execution['index']}]" if execution["index"] else ""
    took = milliseconds_text(execution["duration_ms"])
    reason = f": {execution['error_message']}" if execution.get("error_message") else ""
    return f"{execution['status']}  {execution['node_id']}{turn}  {execution['node_type']}  {took}{reason}"


def milliseconds_text(milliseconds: int) -> str:
    """Return a span for people: "15 ms", "2.4 s"."""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def shortened(text: str) -> str:
    """Return the beginning of `text`, marked where it was cut."""
    return text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}..."
