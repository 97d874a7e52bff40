"""Go: `go build`, with the modules that go.sum names."""

from pathlib import Path
from typing import Final

from tests.clients.toolchains.toolchain import GENERATED, Toolchain, run


def build(folder: Path) -> list[str]:
    """Compile the example; the compiler's own cache makes a second time quick."""
    program = folder / "follow"
    run("go", "build", "-o", program, "./follow", folder=GENERATED / "go")
    return [str(program)]


TOOLCHAIN: Final = Toolchain("go", ("go",), build)
