"""Ruby: nothing to compile, but the gems that the package depends on have to be installed."""

import subprocess
from pathlib import Path
from typing import Final

from tests.clients.toolchains.toolchain import GENERATED, Toolchain, run

PACKAGE: Final = GENERATED / "ruby"
# A file of each gem in the gemspec.
GEMS: Final = {
    "google-protobuf": "google/protobuf",
    "googleapis-common-protos-types": "google/api/annotations_pb",
    "grpc": "grpc",
}


def missing_gems() -> list[str]:
    """Name the gems that are not there."""
    return [f"gem {gem}" for gem, file in GEMS.items() if not loads(file)]


def loads(file: str) -> bool:
    """Whether Ruby finds `file`."""
    return subprocess.run(["ruby", "-r", file, "-e", ""], capture_output=True, check=False).returncode == 0


def load(folder: Path) -> list[str]:
    """Load every stub once; `folder` stays empty."""
    command = ["ruby", f"-I{PACKAGE / 'lib'}"]
    run(*command, "-e", 'require "switchyard_client"', folder=folder)
    return [*command, str(PACKAGE / "examples" / "follow.rb")]


TOOLCHAIN: Final = Toolchain("ruby", ("ruby",), load, missing_libraries=missing_gems)
