"""Downloads into the folder of the job, and the node that both asks and downloads."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.files import CREATE_DIRS, SUCCESS, WRITTEN
from workers.workflow.nodes.files_folder import FILE_BYTES, Folder, in_folder
from workers.workflow.nodes.http_calls import ANSWER, BODY, CATEGORY, METHODS, TARGET, call, error_status
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.step import Step

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_PIECE_BYTES: Final = 1024 * 1024
_DOWNLOAD_SECONDS: Final = 300


async def _download(given: Given, step: Step) -> Result:
    # Here, because it loads aiohttp: half a second that runs without HTTP do without.
    from workers.workflow.nodes.http_exchange import Retries, exchange
    from workers.workflow.nodes.http_request import request_of

    limit = given["max_bytes"]
    if not 0 < limit <= FILE_BYTES:
        raise NodeFailed(f"its input 'max_bytes' must be 1 to {FILE_BYTES:,}")
    nothing = dict.fromkeys(("body", "json", "form", "content_type"))
    # As it is stored: without this header, servers pack it on the way.
    headers = {"Accept-Encoding": "identity", **(given["headers"] or {})}
    request = request_of({**given, **nothing, "method": "get", "headers": headers})
    path = await in_folder(lambda folder: _target(given, folder), step)  # before anything is sent

    async def take(response: "ClientResponse") -> dict[str, Any]:
        if not response.ok:
            raise NodeFailed(error_status(response), error_type="ErrorStatus")
        size, digest = await _store(response, path, limit, step)
        name = await in_folder(lambda folder: folder.name(path), step)
        return {
            "file_path": name,
            "file_size": size,
            "sha256": digest,
            "content_type": response.content_type,
            "status_code": response.status,
            "success": True,
        }

    return await exchange(request, Retries.of(given), step, take)


def _target(given: Given, folder: Folder) -> Path:
    return folder.target(given["file_path"], create_folders=given["create_dirs"], overwrite=given["overwrite"])


async def _store(response: "ClientResponse", path: Path, limit: int, step: Step) -> tuple[int, str]:
    """Write the answer to `path`, where it appears only when it is whole; return its size and SHA-256."""
    if (response.content_length or 0) > limit:
        raise _too_large(limit)
    part: Path = await in_folder(lambda folder: folder.new_part(), step)
    try:
        size, digest = await _receive(response, part, limit, step)
        await in_folder(lambda _: part.replace(path), step)
    finally:
        await in_folder(lambda _: part.unlink(missing_ok=True), step)
    return size, digest


async def _receive(response: "ClientResponse", part: Path, limit: int, step: Step) -> tuple[int, str]:
    size, digest, waiting = 0, hashlib.sha256(), bytearray()
    file: BinaryIO = await in_folder(lambda _: part.open("xb"), step)

    def write(piece: bytes) -> None:
        digest.update(piece)
        file.write(piece)

    async def write_waiting() -> None:
        piece = bytes(waiting)
        waiting.clear()
        await in_folder(lambda _: write(piece), step)

    with file:
        async for piece in response.content.iter_any():
            waiting += piece
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            if len(waiting) >= _PIECE_BYTES:
                await write_waiting()
        await write_waiting()
    return size, digest.hexdigest()


def _too_large(limit: int) -> NodeFailed:
    return NodeFailed(f"the file is larger than {limit:,} bytes")


async def _either(given: Given, step: Step) -> Result:
    action = given["action"].partition(" ")[0]
    if action == "download":
        if given["file_path"] is None:
            raise NodeFailed("its input 'file_path' is missing")
        return await _download(given, step)
    return await call({**given, "method": action}, step)


_FILE: Final = (
    Input("overwrite", "boolean", default=True),
    CREATE_DIRS,
    Input("max_bytes", "integer", default=FILE_BYTES, aliases=("max_size", "max_size_bytes")),
)
_FILE_PATH_NAMES: Final = ("save_path", "path", "output_path", "destination", "destination_path", "filename")
_FILE_OUTPUTS: Final = (
    WRITTEN,
    Output("file_size", "integer", aliases=("size", "bytes_written")),
    Output("sha256", "text"),
    Output("content_type", "text"),
)

NODES = (
    NodeType(
        "HttpDownloadNode",
        CATEGORY,
        "Downloads a file of at most 1 GiB into the job's folder; an answer of status 400 or more fails the node."
        " It is tried again as HTTPRequestNode says.",
        _download,
        inputs=(
            *TARGET,
            Input("file_path", "text", required=True, aliases=_FILE_PATH_NAMES),
            *_FILE,
            Input("timeout", "number", default=_DOWNLOAD_SECONDS, aliases=("timeout_seconds",)),
        ),
        outputs=(*_FILE_OUTPUTS, Output("status_code", "integer", aliases=("status",)), SUCCESS),
        aliases=("HTTPDownloadNode", "HttpDownloadFileNode", "HTTPDownloadFileNode"),
    ),
    NodeType(
        "HTTPSuperNode",
        CATEGORY,
        "Does what its action says: sends a request, as HTTPRequestNode, or downloads a file, as HttpDownloadNode.",
        _either,
        inputs=(
            Input(
                "action",
                "text",
                default="get request",
                choices=(*(f"{method} request" for method in METHODS), *METHODS, "download file", "download"),
                aliases=("method", "operation"),
            ),
            *TARGET,
            *BODY,
            Input("file_path", "text", aliases=_FILE_PATH_NAMES),
            *_FILE,
            Input("timeout", "number", default=30, aliases=("timeout_seconds",)),
            Input("fail_on_error_status", "boolean", default=False, aliases=("raise_for_status", "fail_on_error")),
        ),
        outputs=(*ANSWER, *_FILE_OUTPUTS),
        aliases=("HttpSuperNode",),
    ),
)
