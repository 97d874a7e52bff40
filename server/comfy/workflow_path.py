"""Paths of workflows in ComfyUI's user data. Pure."""

import unicodedata
from typing import Final

from server.errors import InvalidArgument

FOLDER: Final = "workflows/"


def below_workflows(path: str) -> str:
    """Return `path` below ComfyUI's `workflows/`: "workflows/x.json" and "x.json" are both "x.json".

    Every other character is part of a name; whoever asks ComfyUI for it escapes it.

    Raises:
        InvalidArgument: it leads elsewhere, or names no file.
    """
    below = path.removeprefix(FOLDER)
    if "\\" in below or any(unicodedata.category(character) == "Cc" for character in below):
        raise InvalidArgument.field("workflow_path", "must not contain backslashes or control characters")
    if any(part in ("", ".", "..") for part in below.split("/")):
        raise InvalidArgument.field("workflow_path", "must name a file below workflows/")
    return below
