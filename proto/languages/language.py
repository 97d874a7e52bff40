"""What the generator expects of a language, and the errand each of them sends protoc on."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

PROTO: Final = Path(__file__).parents[1]
ROOT: Final = PROTO.parent


class PluginUnavailable(Exception):
    """What generating for a language needs could not be fetched or built; the words say why."""


class Language(Protocol):
    """One language: `clients/<name>/` holds what is written by hand for it, `generated/<name>/` the whole package."""

    name: str
    """Of the folder below `clients/` and `generated/`."""
    programs: tuple[str, ...]
    """Programs of its toolchain that generating needs, looked up in PATH: ("go",)."""
    committed: bool
    """Whether `generated/<name>/` is kept in the repository; if not, there is nothing to compare."""

    def generate(self, folder: Path) -> None:
        """Write the stubs of the whole contract into `folder`, which holds a copy of `clients/<name>/`.

        Plugins come from the language's own registry, pinned, into `plugin_folder(name)`, when they are not there yet.

        Raises:
            PluginUnavailable: they are not there and could not be had.
            subprocess.CalledProcessError: a program failed; its words are on stderr.
        """


def plugin_folder(name: str) -> Path:
    """Return the folder, made if needed, that keeps what generating for a language has to fetch or build."""
    folder = ROOT / ".cache" / "generate" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def install(*command: str | Path, folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run, in `folder`, one command that fetches or builds a plugin; `environment` is laid over ours.

    Raises:
        PluginUnavailable: it failed, as it does without a network.
    """
    done = subprocess.run(
        command, cwd=folder, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise PluginUnavailable(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")


def sources(*, google: bool = False) -> list[str]:
    """Name the files of the contract below `proto/`, in order; with `google` those copied from Google as well."""
    names = (path.relative_to(PROTO) for path in PROTO.rglob("*.proto"))
    return sorted(str(name) for name in names if google or name.parts[0] != "google")


def protoc(*arguments: str, google: bool = False) -> None:
    """Run protoc with its full set of languages over the contract; `arguments` say what it writes, and where."""
    program = Path(sysconfig.get_path("scripts")) / "protoc"
    command = [str(program), f"-I{PROTO}", *arguments, *sources(google=google)]
    # Some plugins tell of each file they write.
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
    done.check_returncode()
