"""`python -m server.backup create|verify|restore FILE`: what `switchyard backup` and `switchyard restore` run."""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from server.backup.manifest import BackupInvalid, Manifest
from server.backup.postgres_copy import PostgresFailed
from server.backup.restoring import WouldOverwrite, restore
from server.backup.saving import Progress, save, verify
from server.config import ConfigInvalid, ServerConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when it is done, 1 when not, 2 when it was asked wrongly."""
    asked = read_arguments(arguments)
    # Nothing of a backup is anybody else's business.
    os.umask(0o077)
    console = Console(stderr=True)
    try:
        with console.status(asked.what, spinner="line") as status:
            answer = carry_out(asked, lambda at: status.update(f"{asked.what}: {at}"))
    except (ConfigInvalid, WouldOverwrite) as refusal:
        hint = "; --force moves it aside" if isinstance(refusal, WouldOverwrite) else ""
        return refuse(f"{refusal}{hint}", 2)
    except BackupInvalid as refusal:
        return refuse(f"{asked.file}: {refusal}", 1)
    except (OSError, sqlite3.Error, PostgresFailed) as refusal:
        return refuse(str(refusal), 1)
    print(json.dumps(answer) if asked.json else "\n".join(f"{name}: {value}" for name, value in answer.items()))  # noqa: T201 -- its answer
    return 0


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Exits with 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m server.backup")
    parser.add_argument("what", choices=["create", "verify", "restore"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--force", action="store_true", help="restore: move what is there aside")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    return parser.parse_args(arguments)


def carry_out(asked: argparse.Namespace, progress: Progress) -> dict[str, object]:
    """Do what is asked for and return the answer."""
    file = asked.file.absolute()
    if asked.what == "verify":
        return described(verify(file, progress))
    config = ServerConfig.from_environment(os.environ)
    if asked.what == "restore":
        manifest, before = restore(config, file, force=asked.force, progress=progress)
        return {**described(manifest), "restored to": str(config.data_dir), "before": str(before) if before else None}
    if file.exists():
        raise FileExistsError(f"{file} is there already")
    manifest, missing = save(config, file, progress)
    return {"file": str(file), **described(manifest), "missing": missing}


def described(manifest: Manifest) -> dict[str, object]:
    """Return what a manifest says, without the list of files."""
    return {
        "created": manifest.create_time,
        "version": manifest.version,
        "database": f"{manifest.engine}, schema {manifest.schema}",
        "rows": sum(manifest.rows.values()),
        "files": len(manifest.files),
        "bytes": sum(entry.bytes for entry in manifest.files.values()),
    }


def refuse(reason: str, code: int) -> int:
    """Say why it was not done."""
    print(f"switchyard: {reason}", file=sys.stderr)  # noqa: T201 -- the one line an operator looks for
    return code


if __name__ == "__main__":
    sys.exit(main())
