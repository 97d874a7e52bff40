"""`for_each`: runs its steps once for each caption, each media file, each item of a list, or a number of times."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workers.flow import captions
from workers.flow.arguments import argument
from workers.flow.errors import ConfigInvalid, StepFailed
from workers.flow.job import Job
from workers.flow.registry import NodeType, Repeat


@dataclass(frozen=True)
class ForEach:
    """Arguments of `for_each`."""

    # Rows of the captions file, as maps of column to text.
    rows: Literal["captions"] | None = argument(default=None)
    # Files of the media folder by name, as maps of name, stem and suffix.
    files: Literal["media"] | None = argument(default=None)
    # Items of a list.
    items: object = argument(default=None)
    # The numbers from 1 to this one.
    times: int | None = argument(default=None, minimum=0, maximum=1_000_000)
    # What the item is called inside. None: row, file, item or number.
    name: str | None = argument(default=None, minimum=1, maximum=100)
    # Columns that the captions must have; columns that read as empty where they are missing.
    columns: tuple[str, ...] = argument(default=())
    optional_columns: tuple[str, ...] = argument(default=())
    # Seconds to rest between two turns.
    pause: float = argument(default=0.0, minimum=0, maximum=86_400)


async def run(arguments: ForEach, job: Job) -> Repeat:
    """Collect the items; the engine makes the turns."""
    if arguments.rows is not None:
        return Repeat(_rows(arguments, job), arguments.name or "row", arguments.pause)
    if arguments.files is not None:
        return Repeat(_files(job), arguments.name or "file", arguments.pause)
    if arguments.times is not None:
        return Repeat(range(1, arguments.times + 1), arguments.name or "number", arguments.pause)
    if not isinstance(arguments.items, list):
        raise StepFailed(f"'items' must be a list, not {arguments.items!r:.60}")
    return Repeat(arguments.items, arguments.name or "item", arguments.pause)


def _rows(arguments: ForEach, job: Job) -> Sequence[object]:
    path = job.folder.inside(job.settings.captions_csv)
    columns, rows = captions.read(path)
    check_columns(path.name, columns, arguments.columns)
    empty = dict.fromkeys(arguments.optional_columns, "")
    return [empty | row for row in rows]


def check_columns(file_name: str, columns: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise ConfigInvalid for the first wanted column that the file does not have."""
    for column in wanted:
        if column not in columns:
            raise ConfigInvalid(f"{file_name} has no column {column!r}; it has {', '.join(columns)}")


def _files(job: Job) -> Sequence[object]:
    folder = job.folder.inside(job.settings.media_dir)
    if not folder.is_dir():
        raise ConfigInvalid(f"the media folder {job.settings.media_dir!r} is not there")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return [{"name": path.name, "stem": path.stem, "suffix": path.suffix} for path in files]


NODE = NodeType(
    "for_each",
    ForEach,
    run,
    describe=lambda arguments: arguments.rows or arguments.files or "",
    blocks={"steps": "body"},
    one_of=("rows", "files", "items", "times"),
)
