"""The files that a run, a job or a prompt left: listed, and fetched whole or not at all."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer
from google.api.httpbody_pb2 import HttpBody

from server.cli.failures import CommandFailed
from server.cli.output import Output, size_text
from server.cli.plain import enum_name
from switchyard.comfy.v1 import prompt_pb2
from switchyard.tasks.v1 import task_pb2

KIND: Final = task_pb2.Artifact.Kind.DESCRIPTOR
# A file that was left, in the words of the service that lists it.
LeftFile: TypeAlias = task_pb2.Artifact | prompt_pb2.PromptResult

DownloadOption = Annotated[
    Path | None, typer.Option("--download", metavar="FOLDER", file_okay=False, help="Put the files into this folder.")
]


def show_artifacts(output: Output, plain: Any, artifacts: Iterable[task_pb2.Artifact]) -> None:
    """Print a list of files, which is `plain` for programs."""
    rows = (
        (artifact.name, str(enum_name(KIND, artifact.kind)), size_text(artifact.size_bytes), artifact.sha256)
        for artifact in artifacts
    )
    output.table(plain, ("NAME", "KIND", "SIZE", "SHA256"), rows, empty="it left no files")


def fetch(output: Output, pieces: Iterable[HttpBody], artifact: LeftFile, folder: Path) -> None:
    """Write an artifact into `folder`, under its name once it is complete and is what was stored.

    Raises:
        CommandFailed: its name leads elsewhere, or its content is not the one that was stored.
    """
    if Path(artifact.name).name != artifact.name or artifact.name.startswith("."):
        raise CommandFailed(f"the artifact's name {artifact.name!r} is no plain file name")
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{artifact.name}.part"
    digest = hashlib.sha256()
    with draft.open("wb") as file, output.transfer(artifact.name, artifact.size_bytes) as transfer:
        for piece in pieces:
            digest.update(piece.data)
            file.write(piece.data)
            transfer.advance(len(piece.data))
    if digest.hexdigest() != artifact.sha256:
        draft.unlink()
        raise CommandFailed(f"{artifact.name} arrived damaged: its SHA-256 is {digest.hexdigest()}")
    draft.replace(folder / artifact.name)
