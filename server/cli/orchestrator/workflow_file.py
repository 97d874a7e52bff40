"""A workflow file on this machine, read as the server reads what is submitted."""

import json
from pathlib import Path
from typing import Final

from server.cli.failures import CommandFailed, ExitCode
from server.errors import InvalidArgument
from server.json_text import JsonInvalid, read_object
from server.orchestrator.workflows.dialects.canonical import canonical_graph
from switchyard.orchestrator.v1.graph_pb2 import Graph

SUFFIX: Final = ".json"


def read_text(path: Path) -> str:
    """Return the JSON object in a file as text.

    Raises:
        CommandFailed: it holds something else.
        OSError: it cannot be read.
    """
    try:
        return read_object(path.read_bytes()).text.decode()
    except JsonInvalid as error:
        raise CommandFailed(f"{path} {error}", ExitCode.USAGE) from error


def read_graph(path: Path) -> Graph:
    """Return the graph in a file of any dialect.

    Raises:
        CommandFailed: there is none that can be executed; the sentence names the node or connection.
        OSError: it cannot be read.
    """
    try:
        return canonical_graph(read_object(path.read_bytes()).value)
    except JsonInvalid as error:
        raise CommandFailed(f"{path} {error}", ExitCode.USAGE) from error
    except InvalidArgument as error:
        raise CommandFailed(f"{path}: {error}", ExitCode.USAGE) from error


def name_in(text: str) -> str:
    """Return what a workflow file calls itself, at its top or in its metadata; empty when it does not."""
    file = json.loads(text)
    metadata = file.get("metadata")
    places = (file, metadata) if isinstance(metadata, dict) else (file,)
    found = (place.get(key) for place in places for key in ("workflow_name", "name"))
    return next((name for name in found if isinstance(name, str) and name), "")
