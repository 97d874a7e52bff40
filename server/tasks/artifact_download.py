"""A file of a Task on its way to whoever may have it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import grpc
import sqlalchemy as sa
from google.api import httpbody_pb2

from server.content_disposition import attachment
from server.database.text import storable
from server.errors import NotFound
from server.tasks import artifacts
from server.tasks.artifacts import ArtifactFiles, ArtifactRow

# Bytes of a file in one message.
PIECE_BYTES: Final = 256 * 1024

Context = grpc.aio.ServicerContext[Any, Any]


def require(connection: sa.Connection, task_id: str, name: str) -> ArtifactRow:
    """Return the file of that name.

    Raises:
        NotFound: the Task left none.
    """
    row = artifacts.get(connection, task_id, storable(name))
    if row is None:
        raise NotFound("Artifact not found", name=name)
    return row


async def send(files: ArtifactFiles, row: ArtifactRow, context: Context) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
    """Yield the file of `row` in pieces, its type first, behind the headers of a download.

    Raises:
        NotFound: the file was replaced or removed meanwhile.
    """
    file = await asyncio.to_thread(files.open, row)
    headers = (
        ("x-http-content-length", str(row.size_bytes)),
        ("content-disposition", attachment(row.name)),
        ("etag", f'"{row.sha256}"'),
    )
    with file:
        await context.send_initial_metadata(headers)
        yield httpbody_pb2.HttpBody(content_type=row.content_type)
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield httpbody_pb2.HttpBody(data=piece)
