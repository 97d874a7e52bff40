"""Gives files to a file field."""

from dataclasses import dataclass
from typing import Literal

from workers.flow.arguments import argument
from workers.flow.errors import StepFailed
from workers.flow.job import Job
from workers.flow.plain_words import in_plain_words
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class Upload:
    """Arguments of `upload`."""

    selector: str = argument(minimum=1)
    # Names of files in `folder`.
    files: tuple[str, ...] = argument()
    # The media folder of the instance, or the artifacts this run has made.
    folder: Literal["media", "artifacts"] = argument(default="media")
    timeout: float = argument(default=10.0, minimum=0.1, maximum=3600)


async def run(arguments: Upload, job: Job) -> Continue:
    """Attach the files. Nothing outside of the folder can be given away."""
    if not all(arguments.files):
        raise StepFailed("a file name is empty")
    below = job.settings.media_dir if arguments.folder == "media" else arguments.folder
    paths = [job.folder.file(name, below=below) for name in arguments.files]
    page = await job.page()
    async with in_plain_words(selector=arguments.selector, seconds=arguments.timeout, page=page):
        await page.locator(arguments.selector).set_input_files(paths, timeout=arguments.timeout * 1000)
    return Continue()


NODE = NodeType(
    "upload", Upload, run, describe=lambda arguments: f"{', '.join(arguments.files)} to {arguments.selector}"
)
