"""Pages of the site that are made from what they describe: the contract, the command, and the README's settings.

MkDocs calls `on_files` before it reads the pages, source: https://www.mkdocs.org/dev-guide/plugins/#on_files.
"""

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
# MkDocs runs from its own installation and knows nothing of ours.
sys.path[:0] = [str(ROOT), str(ROOT / "generated" / "python"), str(Path(__file__).parent)]

import contract_pages  # noqa: E402 -- after the path it is found on
import step_pages  # noqa: E402
import written_elsewhere  # noqa: E402


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Put the generated pages beside the written ones."""
    pages = {
        **contract_pages.pages(),
        "reference/configuration.md": written_elsewhere.configuration(),
        "reference/command.md": written_elsewhere.command(),
        "reference/steps.md": step_pages.steps(),
        "how_to/deployment.md": written_elsewhere.deployment(),
        **written_elsewhere.clients(),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files
