"""Pages whose words stand elsewhere: in the README, beside the clients and in deploy/, and in the command itself."""

import re
from pathlib import Path

import typer.main
from typer.cli import get_docs_for_click

from server.cli.main import app

ROOT = Path(__file__).parents[2]


def configuration() -> str:
    """Return the README's part on settings as a page."""
    part = re.search(
        r"^## Configuration\n(.*?)(?=^## )", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert part is not None, "the README has no part on its configuration"  # noqa: S101 -- ends the build
    return "# Configuration\n" + part[1].replace("](docs/", "](../")


def command() -> str:
    """Return what `switchyard --help` and the help of each of its commands say."""
    click_command = typer.main.get_command(app)
    context = typer.Context(click_command, info_name="switchyard")
    return "# The command\n\n" + get_docs_for_click(obj=click_command, ctx=context, name="switchyard").replace(
        "\n# ", "\n## ", 1
    )


def clients() -> dict[str, str]:
    """Return the page of each language's client, by its name below docs/."""
    pages = sorted((ROOT / "clients").glob("*/README.md"))
    return {f"how_to/clients/{page.parent.name}.md": page.read_text("utf-8") for page in pages}


def deployment() -> str:
    """Return what stands beside the files of a deployment."""
    return (ROOT / "deploy" / "README.md").read_text("utf-8")
