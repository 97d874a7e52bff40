"""A workflow file as it was sent, understood: what is stored of it, and what it says of itself."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from server.errors import InvalidArgument
from server.json_text import JsonInvalid, read_object
from server.orchestrator.jobs.new_job import DEFAULT_TIMEOUT_SECONDS
from server.orchestrator.secrets.references import secrets_of
from server.orchestrator.workflows.dialects.canonical import canonical_graph
from switchyard.orchestrator.v1.graph_pb2 import Graph

# Smaller ones are read in less time than a hop to a thread is worth.
SMALL_BYTES: Final = 64 * 1024
# All of them go to a run in one message; each has at most 64 KiB.
MAX_SECRETS: Final = 100
# Large ones take several times their size in memory while they are read.
LARGE_AT_ONCE: Final = 2

__all__ = ["DocumentReader", "JsonInvalid", "WorkflowDocument", "read_document"]


@dataclass(frozen=True, slots=True)
class WorkflowDocument:
    """A file that can be executed.

    `text` is the file without the white space between its tokens, `sha256` and `size_bytes` are those of its UTF-8,
    `name` and `description` are what it calls itself, empty where it does not.
    """

    text: str
    sha256: str
    size_bytes: int
    graph: Graph
    graph_bytes: bytes
    name: str
    description: str

    @property
    def timeout_seconds(self) -> int:
        """Time one attempt of a job may take; what is finer than a second is rounded up."""
        timeout = self.graph.settings.timeout
        return timeout.seconds + (timeout.nanos > 0) or DEFAULT_TIMEOUT_SECONDS


def read_document(data: bytes) -> WorkflowDocument:
    """Return the workflow in the file `data`.

    Raises:
        JsonInvalid: it is no JSON object.
        InvalidArgument: it holds no graph that can be executed; the sentence says why.
    """
    file = read_object(data)
    graph = canonical_graph(file.value)
    if len(secrets_of(graph)) > MAX_SECRETS:
        raise InvalidArgument.field("workflow_json", f"must refer to at most {MAX_SECRETS} secrets")
    return WorkflowDocument(
        text=file.text.decode(),
        sha256=hashlib.sha256(file.text).hexdigest(),
        size_bytes=len(file.text),
        graph=graph,
        graph_bytes=graph.SerializeToString(),
        name=_told(file.value, ("workflow_name", "name")),
        description=_told(file.value, ("description",)),
    )


class DocumentReader:
    """Reads files without holding up the event loop: large ones in threads, a few at a time."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(LARGE_AT_ONCE)

    async def read(self, data: bytes) -> WorkflowDocument:
        """Return the workflow in the file `data`. Raises what `read_document` does."""
        if len(data) <= SMALL_BYTES:
            return read_document(data)
        async with self._room:
            return await asyncio.to_thread(read_document, data)

    async def read_file(self, file: BinaryIO) -> WorkflowDocument:
        """Return the workflow in an open file, from its beginning. Raises what `read_document` does."""
        async with self._room:
            return await asyncio.to_thread(_read_file, file)


def _read_file(file: BinaryIO) -> WorkflowDocument:
    file.seek(0)
    return read_document(file.read())


def _told(file: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Return what the file says under one of `keys`, at its top or in its metadata."""
    metadata = file.get("metadata")
    places = (file, metadata) if isinstance(metadata, dict) else (file,)
    found = (place.get(key) for place in places for key in keys)
    return next((text for text in found if isinstance(text, str) and text), "")
