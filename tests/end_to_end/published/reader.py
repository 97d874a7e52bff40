"""Reads the fenced blocks of a page of Markdown: where each stands, its language and its text.

Source: https://spec.commonmark.org/0.31.2/#fenced-code-blocks
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.end_to_end.system import ROOT

DOCUMENTS: Final = ("bot-instances", "session-telemetry", "comfy-sessions", "orchestrator", "dev-environments")

_FENCE: Final = re.compile(r"( *)(`{3,}|~{3,}) *([\w-]*)[^`]*")
# Deeper ones ("Response", "Example") stand under every call and tell nothing apart.
_HEADING: Final = re.compile(r"#{2,3} +(.+?) *#*")


@dataclass(frozen=True)
class Block:
    """One fenced block: the `number`-th (from 1) under `section`, the heading of level 2 or 3 above it, as a slug.

    `language` is "" where the fence names none; `text` has no indentation of the fence's and ends with a newline.
    """

    document: str
    section: str
    number: int
    language: str
    text: str

    @property
    def id(self) -> str:
        """Names it within all documents: "orchestrator/post-auth-login/3"."""
        return f"{self.document}/{self.section}/{self.number}"


def blocks(document: str, page: str) -> list[Block]:
    """Return the blocks of `page`, whose name is `document`, in their order. A fence left open ends with the page."""
    found: list[Block] = []
    section, counts = "", Counter[str]()
    lines = iter(page.splitlines())
    for line in lines:
        if fence := _FENCE.fullmatch(line):
            counts[section] += 1
            text = "".join(f"{inside}\n" for inside in _inside(lines, indent=len(fence[1]), fence=fence[2]))
            found.append(Block(document, section, counts[section], fence[3], text))
        elif heading := _HEADING.fullmatch(line):
            section = slug(heading[1])
    return found


def _inside(lines: Iterator[str], *, indent: int, fence: str) -> Iterator[str]:
    for line in lines:
        bare = line.strip()
        if bare.startswith(fence) and not bare.strip(fence[0]):
            return
        outer = line[:indent]
        yield line[indent:] if not outer.strip() else line


def slug(heading: str) -> str:
    """Return a heading as lower-case letters and digits with hyphens between: "get-api-sessions-session-id"."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def folder_of_documents(beside: Path = ROOT) -> Path | None:
    """Return the folder `api` with all five documents in some folder beside the project; None when there is none."""
    for folder in sorted(beside.parent.glob("*/api")):
        if all((folder / f"{name}.md").is_file() for name in DOCUMENTS):
            return folder
    return None


def read_documents(folder: Path | None) -> Sequence[Block]:
    """Return every block of the five documents; none without a folder."""
    if folder is None:
        return ()
    return [block for name in DOCUMENTS for block in blocks(name, (folder / f"{name}.md").read_text("utf-8"))]
