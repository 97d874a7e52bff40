"""Which Chromium the bots drive, and how to get one: `python -m workers.chromium --install`.

Looked for in this order: CHROMIUM_PATH, a browser of the machine, the one Playwright keeps. The first that is there
is taken. Installing needs root only in its last step.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A download that has not ended by then is given up, in seconds.
DOWNLOAD_SECONDS: Final = 600.0
PACKAGE_SECONDS: Final = 900.0


class ChromiumMissing(Exception):
    """There is no browser, or none could be installed. The message is one line that says what to do."""


@dataclass(frozen=True)
class Step:
    """One way to get a Chromium: the commands, the seconds each may take, and what to do when it fails."""

    what: str
    commands: Sequence[Sequence[str]]
    seconds: float
    advice: str


def main(arguments: Sequence[str]) -> int:
    """Print the path of the browser, with `--install` after getting one if there is none; return the exit code."""
    try:
        present = find(os.environ)
        if present is None and "--install" in arguments:
            present = install(os.environ)
        if present is None:
            raise ChromiumMissing("no Chromium found; run `make setup`, or set CHROMIUM_PATH")
    except ChromiumMissing as error:
        print(f"setup: {error}", file=sys.stderr)  # noqa: T201 -- its answer
        return 1
    if "--install" not in arguments:
        print(present)  # noqa: T201 -- its answer
    return 0


def find(environ: Mapping[str, str]) -> Path | None:
    """Return the browser to drive, or None.

    Raises:
        ChromiumMissing: CHROMIUM_PATH names no program.
    """
    if named := environ.get("CHROMIUM_PATH", "").strip():
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise ChromiumMissing(f"CHROMIUM_PATH is {named}, which is no program; correct it or remove it")
        return Path(named)
    for name in NAMES:
        if path := shutil.which(name, path=environ.get("PATH")):
            return Path(path)
    return next(playwright_browsers(environ), None)


def playwright_browsers(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the Chromiums that `playwright install` has left, the newest first."""
    default = Path.home() / ".cache" / "ms-playwright"
    folder = Path(environ.get("PLAYWRIGHT_BROWSERS_PATH") or default)
    for revision in sorted(folder.glob("chromium-*"), key=revision_number, reverse=True):
        for program in sorted(revision.glob("chrome-linux*/chrome")):
            if os.access(program, os.X_OK):
                yield program


def revision_number(folder: Path) -> int:
    """Return N of "chromium-N"; 0 for anything else."""
    number = folder.name.removeprefix("chromium-")
    return int(number) if number.isdecimal() else 0


def install(environ: Mapping[str, str]) -> Path:
    """Try one step after the other until a browser is there, and return it.

    Raises:
        ChromiumMissing: every step failed; each has said what to do.
    """
    for step in steps(environ):
        print(f"setup: no Chromium found; trying {step.what}", file=sys.stderr, flush=True)  # noqa: T201 -- progress
        failure = carry_out(step, environ)
        if failure is None and (found := find(environ)) is not None:
            return found
        print(f"setup: {step.what}: {failure or 'left no browser'}; {step.advice}", file=sys.stderr)  # noqa: T201 -- progress
    raise ChromiumMissing("there is no Chromium; install one and run this again, or set CHROMIUM_PATH")


def steps(environ: Mapping[str, str]) -> Iterator[Step]:
    """Yield the ways to get a browser that make sense here."""
    yield Step(
        what="`playwright install chromium`",
        commands=[[sys.executable, "-m", "playwright", "install", "chromium"]],
        seconds=DOWNLOAD_SECONDS,
        advice="it downloads from Playwright's own server, which has to be reachable",
    )
    apt = shutil.which("apt-get", path=environ.get("PATH"))
    if apt is None:
        return
    if os.getuid() != 0:
        print("setup: as root, `apt-get install chromium` would bring one", file=sys.stderr)  # noqa: T201 -- advice
        return
    yield Step(
        what="`apt-get install chromium`",
        commands=[[apt, "update"], [apt, "install", "-y", "--no-install-recommends", "chromium"]],
        seconds=PACKAGE_SECONDS,
        advice="Debian's package servers have to be reachable; run it by hand to see more",
    )


def carry_out(step: Step, environ: Mapping[str, str]) -> str | None:
    """Run the commands of `step`, quietly; return None, or the last line of what the one that failed said."""
    for command in step.commands:
        try:
            done = subprocess.run(
                command,
                env={**environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=step.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"not done after {step.seconds:.0f} s"
        if done.returncode != 0:
            return telling_line(done.stdout) or f"exit code {done.returncode}"
    return None


def telling_line(output: str) -> str:
    """Return the line of `output` that names an error, else its last one, at most 200 characters."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "Error", "error"))]
    return (errors or lines or [""])[-1][:200]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
