"""What a page tells people to type: its blocks below `<!-- walk-through: name -->`, typed into a shell."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.end_to_end.system import ROOT, System

_BLOCK: Final = re.compile(r"^<!-- walk-through: (\w+) -->\n```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(page: Path) -> dict[str, str]:
    """Return the blocks of a page by their names."""
    return dict(_BLOCK.findall(page.read_text("utf-8")))


def typed(system: System, page: Path, block: str, in_place_of: Mapping[str, str]) -> str:
    """Type a block into a shell that ends at the first command that fails, and return what it showed.

    The addresses and folders of the page give way to those of the test, by `in_place_of`.
    """
    text = blocks_of(page)[block]
    for theirs, ours in in_place_of.items():
        text = text.replace(theirs, ours)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DATA_DIR": str(system.data_dir),
        "GRPC_PORT": str(system.grpc_port),
    }
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{text}"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{system.output('worker')}"
    return done.stdout
