"""What ComfyUI keeps on disk, and the gates that tests open."""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Folders:
    """The folders below `root`, as ComfyUI names them."""

    root: Path

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def input(self) -> Path:
        return self.root / "input"

    @property
    def temp(self) -> Path:
        return self.root / "temp"

    @property
    def user(self) -> Path:
        return self.root / "user" / "default"

    @property
    def gates(self) -> Path:
        return self.root / "gates"

    def prepare(self) -> None:
        """Make those that are missing, and empty `temp`, as each start does."""
        shutil.rmtree(self.temp, ignore_errors=True)
        for folder in (self.output, self.input, self.temp, self.user, self.gates):
            folder.mkdir(parents=True, exist_ok=True)

    def of_type(self, kind: str) -> Path | None:
        """The folder that ComfyUI's API calls `kind`; None for an unknown one."""
        return {"output": self.output, "input": self.input, "temp": self.temp}.get(kind)

    def write_workflow(self, name: str, workflow: Mapping[str, Any] | str | bytes) -> Path:
        """Put a file below `workflows/` of the user data, as JSON unless it is text or bytes already."""
        path = self.user / "workflows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps(workflow) if isinstance(workflow, Mapping) else workflow
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def open_gate(self, name: str) -> None:
        """Let each HoldImage node with this gate go on, now and later."""
        (self.gates / name).touch()

    def close_gate(self, name: str) -> None:
        """Make each HoldImage node with this gate wait that has not gone on yet."""
        (self.gates / name).unlink(missing_ok=True)

    def next_name(self, kind: str, prefix: str, suffix: str) -> tuple[Path, str]:
        """Return where the next file goes, and its subfolder. `prefix` may hold folders.

        Raises:
            ValueError: `prefix` leads out of the folder.
        """
        folder = self.of_type(kind)
        assert folder is not None
        wanted = (folder / prefix).resolve()
        if not wanted.is_relative_to(folder.resolve()):
            raise ValueError("**** ERROR: Saving image outside the output folder is not allowed.")
        wanted.parent.mkdir(parents=True, exist_ok=True)
        numbered = re.compile(re.escape(wanted.name) + r"_(\d+)_")
        taken = [int(found[1]) for path in wanted.parent.iterdir() if (found := numbered.match(path.name))]
        subfolder = wanted.parent.relative_to(folder.resolve()).as_posix()
        name = f"{wanted.name}_{max(taken, default=0) + 1:05}_{suffix}"
        return wanted.parent / name, "" if subfolder == "." else subfolder
