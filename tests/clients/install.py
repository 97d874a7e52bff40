"""Gets what the clients' tests need of Debian and can get there: `python -m tests.clients.install`.

That is Ruby with its gems, and gRPC's plugin for it. What cannot be had is told in one line.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from typing import Final

from workers.chromium import PACKAGE_SECONDS, Step, carry_out

PROGRAMS: Final = ("ruby", "grpc_ruby_plugin")
PACKAGES: Final = ("ruby", "ruby-grpc", "ruby-googleapis-common-protos-types", "protobuf-compiler-grpc")


def main() -> None:
    """Get what is missing; a second run finds it there."""
    for line in install_ruby():
        print(f"setup: {line}", file=sys.stderr)  # noqa: T201 -- its answer


def install_ruby() -> Iterator[str]:
    """Install Ruby where that is possible, and yield a line when something is still missing."""
    if not missing():
        return
    advice = f"as root on Debian: apt-get install {' '.join(PACKAGES)}"
    apt = shutil.which("apt-get")
    if apt is None or os.getuid() != 0:
        yield f"there is no {', no '.join(missing())}; {advice}"
        return
    commands = [[apt, "update"], [apt, "install", "-y", "--no-install-recommends", *PACKAGES]]
    step = Step("`apt-get install ruby-grpc`", commands, PACKAGE_SECONDS, advice)
    failure = carry_out(step, os.environ)
    if failure is not None or missing():
        yield f"{step.what}: {failure or f'left no {missing()[0]}'}; {step.advice}"


def missing() -> list[str]:
    """Name the programs that are not there."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


if __name__ == "__main__":
    main()
