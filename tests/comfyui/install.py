"""Gets what the tests of ComfyUI sessions need besides the locked environment: `python -m tests.comfyui.install`.

Each part that cannot be had is told in one line. Tests of a missing front end fail, those of a missing nginx are
skipped.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from tests.comfyui.frontends import VERSIONS, frontend
from tests.comfyui.nginx import program
from workers.chromium import PACKAGE_SECONDS, Step, carry_out


def main() -> None:
    """Get what is missing; a second run finds it there."""
    for line in [*fetch_frontends(), *install_nginx()]:
        print(f"setup: {line}", file=sys.stderr)  # noqa: T201 -- its answer


def fetch_frontends() -> Iterator[str]:
    """Fetch the front ends and yield a line for each that could not be had."""
    for version in VERSIONS:
        try:
            frontend(version)
        except subprocess.SubprocessError:
            yield f"front end {version} of ComfyUI could not be fetched; is a package index reachable?"


def install_nginx() -> Iterator[str]:
    """Install nginx where that is possible, and yield a line when there is still none."""
    if program() is not None:
        return
    advice = "as root on Debian: apt-get install nginx-light"
    apt = shutil.which("apt-get")
    if apt is None or os.getuid() != 0:
        yield f"there is no nginx, its tests will be skipped; {advice}"
        return
    commands = [[apt, "update"], [apt, "install", "-y", "--no-install-recommends", "nginx-light"]]
    if systemctl := shutil.which("systemctl"):
        # The package starts a server at port 80, which nobody asked for.
        commands.append([systemctl, "disable", "--now", "nginx"])
    step = Step("`apt-get install nginx-light`", commands, PACKAGE_SECONDS, advice)
    failure = carry_out(step, os.environ)
    if failure is not None or program() is None:
        yield f"{step.what}: {failure or 'left no nginx'}; {step.advice}"


if __name__ == "__main__":
    main()
