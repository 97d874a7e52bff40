"""A workflow file that arrives in pieces: taken in while its limits are watched, on disk once it is not small."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO, Final, NamedTuple, cast

from server.errors import InvalidArgument, TooLarge, Violation
from server.rpc.bounds import compile_check
from switchyard.orchestrator.v1.workflow_service_pb2 import UploadWorkflowRequest

# Source: the comment of `WorkflowService.UploadWorkflow`.
MAX_BYTES: Final = 50 * 1024 * 1024
SUFFIX: Final = ".json"
# Larger files are not kept in memory while their next piece is awaited.
IN_MEMORY_BYTES: Final = 1024 * 1024


class Upload(NamedTuple):
    """A whole upload: what its messages say together, without the bytes, and the file, until the block ends."""

    told: UploadWorkflowRequest
    file: BinaryIO

    @property
    def stem(self) -> str:
        """Name of the file without its ending."""
        return self.told.filename[: -len(SUFFIX)]


@asynccontextmanager
async def received(requests: AsyncIterator[UploadWorkflowRequest]) -> AsyncIterator[Upload]:
    """Take the whole file in.

    Raises:
        InvalidArgument: it is no ".json" file, it broke off, or what is said beside it is out of bounds.
        TooLarge: it has more than 50 MiB.
    """
    first = await anext(aiter(requests), UploadWorkflowRequest())
    if not first.filename.lower().endswith(SUFFIX):
        raise InvalidArgument(
            "File must be a .json file", violations=[Violation("filename", "must be that of a .json file")]
        )
    told = UploadWorkflowRequest()
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        size = 0
        async for request in _whole(first, requests):
            size += len(request.file.data)
            if size > MAX_BYTES:
                raise TooLarge(f"File too large. Maximum size: {MAX_BYTES // 1024 // 1024}MB")
            await _write(file, request.file.data, size)
            request.ClearField("file")
            told.MergeFrom(request)
        # Only the first message was looked at before.
        if _check is not None:
            _check(told)
        yield Upload(told, cast("BinaryIO", file))


_check: Final = compile_check(UploadWorkflowRequest.DESCRIPTOR)


async def _write(file: "tempfile.SpooledTemporaryFile[bytes]", piece: bytes, size: int) -> None:
    if size <= IN_MEMORY_BYTES:
        file.write(piece)
    else:
        await asyncio.to_thread(file.write, piece)


async def _whole(
    first: UploadWorkflowRequest, rest: AsyncIterator[UploadWorkflowRequest]
) -> AsyncIterator[UploadWorkflowRequest]:
    """Yield the messages and see to it that they are all there. Raises InvalidArgument."""
    yield first
    last = first.last
    async for request in rest:
        if last:
            raise InvalidArgument.field("last", "must not be set before the last message")
        last = request.last
        yield request
    if not last:
        # A client that dies may look like one that has sent everything.
        raise InvalidArgument.field("last", "must be set in the last message; the file broke off")
