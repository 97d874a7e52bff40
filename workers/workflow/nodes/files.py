"""Files in the folder of the job: read, written, copied, moved, deleted, asked about, kept."""

import base64
import binascii
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.files_folder import FILE_BYTES, FileMissing, Folder, decoded, encoded, file_node, in_folder
from workers.workflow.registry import EXEC_OUT, Given, Input, Leave, NodeType, Output, Result
from workers.workflow.step import Step
from workers.workflow.values import as_text

CATEGORY: Final = "files"


def _read(given: Given, folder: Folder) -> Result:
    name = given["file_path"]
    content = folder.content(name)
    text = base64.b64encode(content).decode() if given["binary"] else decoded(content, given["encoding"], name)
    return {"content": text, "size": len(content), "success": True}


def _write(given: Given, folder: Folder) -> Result:
    content = _bytes(given)
    overwrite = given["overwrite"] or given["append"]
    path = folder.target(given["file_path"], create_folders=given["create_dirs"], overwrite=overwrite)
    if given["append"]:
        return _appended(path, content, folder)
    path.write_bytes(content)
    return _written(path, content, folder)


def _append(given: Given, folder: Folder) -> Result:
    content = _bytes(given)
    path = folder.target(given["file_path"])
    if not given["create_if_missing"]:
        folder.file(given["file_path"])
    return _appended(path, content, folder)


def _appended(path: Path, content: bytes, folder: Folder) -> Result:
    with path.open("ab") as file:
        if file.tell() + len(content) > FILE_BYTES:
            raise NodeFailed(f"the file {folder.name(path)!r} grows beyond {FILE_BYTES:,} bytes")
        file.write(content)
    return _written(path, content, folder)


def _bytes(given: Given) -> bytes:
    text = as_text(given["content"])
    if not given["binary"]:
        return encoded(text, given["encoding"])
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise NodeFailed("its input 'content' is not base64, as it must be with 'binary'") from error


def _written(path: Path, content: bytes, folder: Folder) -> Result:
    return {"file_path": folder.name(path), "bytes_written": len(content), "success": True}


def _delete(given: Given, folder: Folder) -> Result:
    path = folder.path(given["file_path"])
    there = path.exists()
    if there or not given["ignore_missing"]:
        folder.file(given["file_path"]).unlink()
    return {"deleted_path": folder.name(path), "deleted": there, "success": True}


def _copy(given: Given, folder: Folder) -> Result:
    source, target = _from_and_to(given, folder)
    shutil.copyfile(source, target)
    return {"destination_path": folder.name(target), "size": target.stat().st_size, "success": True}


def _move(given: Given, folder: Folder) -> Result:
    source, target = _from_and_to(given, folder)
    source.replace(target)
    return {"destination_path": folder.name(target), "size": target.stat().st_size, "success": True}


def _from_and_to(given: Given, folder: Folder) -> tuple[Path, Path]:
    source = folder.file(given["source_path"])
    wanted = given["destination_path"]
    if folder.path(wanted).is_dir():
        wanted = f"{wanted}/{source.name}"
    target = folder.path(wanted)
    if target == source:
        raise NodeFailed(f"{folder.name(source)!r} is there and here at once")
    return source, folder.target(wanted, create_folders=given["create_dirs"], overwrite=given["overwrite"])


async def _exists(given: Given, step: Step) -> Result:
    outputs = await in_folder(lambda folder: _found(folder.path(given["path"]), given["check_type"]), step)
    port = "true" if outputs["exists"] else "false"
    return Leave(port if port in step.node.edges or EXEC_OUT not in step.node.edges else EXEC_OUT, outputs)


def _found(path: Path, check: str) -> dict[str, bool]:
    is_file, is_folder = path.is_file(), path.is_dir()
    exists = {"any": path.exists(), "file": is_file, "directory": is_folder}[check]
    return {"exists": exists, "is_file": is_file, "is_directory": is_folder}


def _info(given: Given, folder: Folder) -> Result:
    path = folder.path(given["file_path"])
    if not path.exists():
        raise FileMissing(f"there is no file {folder.name(path)!r}")
    return {"size": path.stat().st_size, **_described(path, folder), "success": True}


def _described(path: Path, folder: Folder) -> dict[str, Any]:
    modified = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    return {
        "name": path.name,
        "extension": path.suffix,
        "path": folder.name(path),
        "parent": folder.name(path.parent),
        "modified": modified.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "is_file": path.is_file(),
        "is_directory": path.is_dir(),
    }


async def _keep(given: Given, step: Step) -> Result:
    path = await in_folder(lambda folder: _copied(given, folder), step)
    step.host.artifact("other", path)
    return {"name": path.name, "size": path.stat().st_size, "success": True}


def _copied(given: Given, folder: Folder) -> Path:
    """Copy a file to where it stays as it is: it is stored while the workflow goes on and may change its own."""
    source = folder.file(given["file_path"])
    if source.stat().st_size > FILE_BYTES:
        raise NodeFailed(f"the file {folder.name(source)!r} is larger than {FILE_BYTES:,} bytes")
    path = folder.new_artifact(given["name"] or source.name)
    shutil.copyfile(source, path)
    return path


FILE_PATH: Final = Input("file_path", "text", required=True, aliases=("path", "filename", "file_name", "file"))
ENCODING: Final = Input("encoding", "text", default="utf-8")
SUCCESS: Final = Output("success", "boolean")
CREATE_DIRS: Final = Input("create_dirs", "boolean", default=True, aliases=("create_directories", "create_parents"))
WRITTEN: Final = Output("file_path", "text", aliases=("path",))

_BINARY = Input("binary", "boolean", default=False, aliases=("binary_mode",))
_CONTENT = Input("content", required=True, aliases=("text", "data"))
_WRITTEN = (WRITTEN, Output("bytes_written", "integer", aliases=("size",)), SUCCESS)
_TWO = (
    Input("source_path", "text", required=True, aliases=("source", "from_path", "file_path")),
    Input(
        "destination_path",
        "text",
        required=True,
        aliases=("dest_path", "destination", "target_path", "target", "to_path"),
    ),
    Input("overwrite", "boolean", default=False),
    CREATE_DIRS,
)
_TWO_OUTPUTS = (
    Output("destination_path", "text", aliases=("dest_path", "file_path", "path")),
    Output("size", "integer", aliases=("bytes_copied",)),
    SUCCESS,
)

NODES = (
    NodeType(
        "ReadFileNode",
        CATEGORY,
        "Reads a text from a file of the job's folder, of at most 10 MiB; with binary, any content as base64.",
        file_node(_read),
        inputs=(FILE_PATH, ENCODING, _BINARY),
        outputs=(
            Output("content", "text", aliases=("text", "data")),
            Output("size", "integer", aliases=("file_size",)),
            SUCCESS,
        ),
        aliases=("ReadTextFileNode",),
    ),
    NodeType(
        "WriteFileNode",
        CATEGORY,
        "Writes a text to a file of the job's folder, or what base64 says with binary; what is no text, as JSON.",
        file_node(_write),
        inputs=(
            FILE_PATH,
            _CONTENT,
            ENCODING,
            _BINARY,
            Input("append", "boolean", default=False, aliases=("append_mode",)),
            Input("overwrite", "boolean", default=True),
            CREATE_DIRS,
        ),
        outputs=_WRITTEN,
        aliases=("WriteTextFileNode", "SaveFileNode"),
    ),
    NodeType(
        "AppendFileNode",
        CATEGORY,
        "Adds a text to the end of a file, which is made if it is not there.",
        file_node(_append),
        inputs=(FILE_PATH, _CONTENT, ENCODING, _BINARY, Input("create_if_missing", "boolean", default=True)),
        outputs=_WRITTEN,
        aliases=("AppendToFileNode",),
    ),
    NodeType(
        "DeleteFileNode",
        CATEGORY,
        "Deletes a file; one that is not there fails it unless ignore_missing is set.",
        file_node(_delete),
        inputs=(FILE_PATH, Input("ignore_missing", "boolean", default=False, aliases=("missing_ok",))),
        outputs=(Output("deleted_path", "text"), Output("deleted", "boolean"), SUCCESS),
    ),
    NodeType(
        "FileExistsNode",
        CATEGORY,
        "Tells whether a file or folder is there; leaves by true or false where those lead anywhere.",
        _exists,
        inputs=(
            Input("path", "text", required=True, aliases=("file_path", "filename", "file")),
            Input("check_type", "text", default="any", choices=("any", "file", "directory")),
        ),
        outputs=(
            Output("exists", "boolean", aliases=("result",)),
            Output("is_file", "boolean"),
            Output("is_directory", "boolean", aliases=("is_dir",)),
        ),
        aliases=("PathExistsNode", "CheckFileExistsNode"),
        exec_ports=(EXEC_OUT, "true", "false"),
        port_aliases={"exists_true": "true", "exists_false": "false", "exec_true": "true", "exec_false": "false"},
    ),
    NodeType(
        "FileInfoNode",
        CATEGORY,
        "Gives out size, time of the last change, and the parts of the name of a file or folder.",
        file_node(_info),
        inputs=(FILE_PATH,),
        outputs=(
            Output("size", "integer", aliases=("file_size",)),
            Output("name", "text"),
            Output("extension", "text"),
            Output("path", "text"),
            Output("parent", "text"),
            Output("modified", "text"),
            Output("is_file", "boolean"),
            Output("is_directory", "boolean", aliases=("is_dir",)),
            SUCCESS,
        ),
        aliases=("GetFileInfoNode", "GetFileSizeNode"),
    ),
    NodeType(
        "CopyFileNode",
        CATEGORY,
        "Copies a file to another name, or into a folder.",
        file_node(_copy),
        inputs=_TWO,
        outputs=_TWO_OUTPUTS,
    ),
    NodeType(
        "MoveFileNode",
        CATEGORY,
        "Moves a file to another name, or into a folder.",
        file_node(_move),
        inputs=_TWO,
        outputs=_TWO_OUTPUTS,
        aliases=("RenameFileNode",),
    ),
    NodeType(
        "KeepFileNode",
        CATEGORY,
        "Keeps a file, as it is now, with the job as an artifact; all others are gone with the job's folder.",
        _keep,
        inputs=(FILE_PATH, Input("name", "text", aliases=("artifact_name",))),
        outputs=(Output("name", "text", aliases=("artifact_name",)), Output("size", "integer"), SUCCESS),
        aliases=("SaveArtifactNode", "UploadArtifactNode"),
    ),
)
