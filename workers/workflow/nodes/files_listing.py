"""Folders in the folder of the job: made, and what is in them."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.files import CATEGORY, SUCCESS
from workers.workflow.nodes.files_folder import Folder, file_node
from workers.workflow.registry import Given, Input, NodeType, Output, Result

# Files and folders that one list looks at.
_MOST_ENTRIES: Final = 100_000


def _create(given: Given, folder: Folder) -> Result:
    path = folder.path(given["directory_path"])
    path.mkdir(parents=given["parents"], exist_ok=given["exist_ok"])
    return {"directory_path": folder.name(path), "success": True}


def _list_files(given: Given, folder: Folder) -> Result:
    files = [folder.name(path) for path in _entries(given, folder) if path.is_file()]
    return {"files": files, "count": len(files), "success": True}


def _list_all(given: Given, folder: Folder) -> Result:
    found = list(_entries(given, folder))
    if given["files_only"]:
        found = [path for path in found if path.is_file()]
    if given["dirs_only"]:
        found = [path for path in found if path.is_dir()]
    return {"items": [folder.name(path) for path in found], "count": len(found), "success": True}


def _entries(given: Given, folder: Folder) -> Iterator[Path]:
    """Yield what matches, by name. A symbolic link is there as what it leads to, if that is in the folder."""
    start, pattern = folder.folder(given["directory_path"]), given["pattern"].replace("\\", "/")
    if ".." in pattern.split("/") or pattern.startswith("/") or pattern.count("**") > 1:
        raise NodeFailed("its input 'pattern' must stay within the folder, and have ** at most once")
    try:
        matching = start.rglob(pattern) if given["recursive"] and "**" not in pattern else start.glob(pattern)
        found = sorted(islice(matching, _MOST_ENTRIES + 1))
    except (ValueError, NotImplementedError) as error:
        raise NodeFailed(f"its input 'pattern' cannot be used: {error}") from error
    if len(found) > _MOST_ENTRIES:
        raise NodeFailed(f"there are more than {_MOST_ENTRIES:,} matches")
    return (path for path in found if path != start and not folder.hides(path) and not folder.hides(path.resolve()))


_DIRECTORY = Input(
    "directory_path", "text", default=".", aliases=("dir_path", "folder_path", "path", "directory", "folder")
)
_WHICH = (_DIRECTORY, Input("pattern", "text", default="*"), Input("recursive", "boolean", default=False))
_COUNT = Output("count", "integer", aliases=("file_count",))

NODES = (
    NodeType(
        "CreateDirectoryNode",
        CATEGORY,
        "Makes a folder, and those above it.",
        file_node(_create),
        inputs=(
            Input(
                "directory_path",
                "text",
                required=True,
                aliases=("dir_path", "folder_path", "path", "directory", "folder"),
            ),
            Input("parents", "boolean", default=True),
            Input("exist_ok", "boolean", default=True),
        ),
        outputs=(Output("directory_path", "text", aliases=("dir_path", "path")), SUCCESS),
        aliases=("CreateFolderNode", "MakeDirectoryNode"),
    ),
    NodeType(
        "ListFilesNode",
        CATEGORY,
        "Lists the files of a folder whose names match a pattern such as *.csv, in the order of their names.",
        file_node(_list_files),
        inputs=_WHICH,
        outputs=(Output("files", "list", aliases=("file_list", "items", "result")), _COUNT, SUCCESS),
    ),
    NodeType(
        "ListDirectoryNode",
        CATEGORY,
        "Lists the files and folders in a folder whose names match a pattern, in the order of their names.",
        file_node(_list_all),
        inputs=(
            *_WHICH,
            Input("files_only", "boolean", default=False),
            Input("dirs_only", "boolean", default=False, aliases=("directories_only",)),
        ),
        outputs=(Output("items", "list", aliases=("files", "entries", "result")), _COUNT, SUCCESS),
        aliases=("ListFolderNode",),
    ),
)
