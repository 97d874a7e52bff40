"""C#: the sources, which are not in the repository, and `dotnet publish`."""

import sys
from pathlib import Path
from typing import Final

from tests.clients.toolchains.toolchain import GENERATED, ROOT, Toolchain, run


def build(folder: Path) -> list[str]:
    """Make the sources and compile them; only files that changed are written, so a second time is quick."""
    run(sys.executable, "proto/generate.py", "csharp", folder=ROOT)
    publish = ["dotnet", "publish", f"--artifacts-path={folder}", f"--output={folder / 'example'}"]
    run(*publish, folder=GENERATED / "csharp" / "Example")
    return ["dotnet", str(folder / "example" / "Follow.dll")]


# Debian has no .NET: its SDK comes from elsewhere, or not at all.
TOOLCHAIN: Final = Toolchain("csharp", ("dotnet",), build, in_ci=False)
