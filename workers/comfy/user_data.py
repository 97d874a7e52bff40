"""Paths of ComfyUI's user data. Pure."""

from typing import Final
from urllib.parse import quote

from workers.comfy.errors import Invalid

FOLDER: Final = "workflows"
# Of one name on the file systems that ComfyUI runs on, in bytes.
NAME_BYTES: Final = 255
PATH_CHARACTERS: Final = 1024


def workflow_route(path: str) -> str:
    """Return where ComfyUI's server gives the file `path`, which lies below its folder of workflows.

    Raises:
        Invalid: it is no such path, or leads elsewhere.
    """
    _check(path)
    encoded = quote(f"{FOLDER}/{path}", safe="")
    # The server decodes a name that has a percent sign left once more (app/user_manager.py, get_request_user_filepath).
    return f"/userdata/{quote(encoded, safe='') if '%' in path else encoded}"


def _check(path: str) -> None:
    if len(path) > PATH_CHARACTERS:
        raise Invalid(f"workflow_path is longer than {PATH_CHARACTERS} characters")
    # ComfyUI on Windows takes a backslash for a slash.
    if "\\" in path:
        raise Invalid("workflow_path: folders are separated by '/', and no name has a backslash")
    if not path.isprintable():
        raise Invalid("workflow_path has a character that no name has")
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise Invalid(f"workflow_path {path!r:.200} is not the path of a file below {FOLDER}/")
        if len(part.encode()) > NAME_BYTES:
            raise Invalid(f"workflow_path has a name longer than {NAME_BYTES} bytes")
