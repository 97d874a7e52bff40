"""The pages of docs/: they become a site without a dead link, and link to files that are there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Pages that are read in the repository itself, where links lead to files of it.
PAGES = [
    "README.md",
    "clients/README.md",
    "deploy/README.md",
    *(f"clients/{name}/README.md" for name in ("python", "go")),
]
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def test_the_site_is_made_without_a_dead_link(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", ".mkdocs.yml", "-d", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}

    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert built.returncode == 0, built.stderr
    assert "StartRun" in (tmp_path / "reference" / "switchyard.bots.v1.html").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_each_link_of_a_page_leads_to_a_file(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")

    assert [link for link in LINK.findall(text) if not (ROOT / page).parent.joinpath(link).exists()] == []
