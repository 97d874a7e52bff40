"""Java: the sources, which are not in the repository, and `mvn package`."""

import os
import sys
from pathlib import Path
from typing import Final

from tests.clients.toolchains.toolchain import GENERATED, ROOT, Toolchain, run

# The compiler runs once and for about a minute: what optimizing its own code costs does not come back.
ENVIRONMENT: Final = {"MAVEN_OPTS": "-XX:+UseParallelGC -XX:TieredStopAtLevel=1"}


def build(folder: Path) -> list[str]:
    """Make the sources and compile them; only files that changed are written, so a second time is quick."""
    run(sys.executable, "proto/generate.py", "java", folder=ROOT)
    package = ["mvn", "-q", "-B", "package", f"-Dbuild.folder={folder}"]
    run(*package, folder=GENERATED / "java", environment=ENVIRONMENT)
    (jar,) = folder.glob("switchyard-client-*.jar")
    return ["java", "-cp", os.pathsep.join([str(jar), f"{folder}/lib/*"]), "dev.switchyard.examples.Follow"]


TOOLCHAIN: Final = Toolchain("java", ("java", "mvn"), build)
