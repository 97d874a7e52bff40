"""Puts a backup back. Ended at any moment, it has changed nothing, or it has left a note that keeps servers out.

restoring/            what was unpacked, proven before anything else is touched
restore-unfinished    the note: how far it is, and where what was there before is
before-restore-TIME/  what was there before
"""

import json
import os
import shutil
import tarfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from server.backup import postgres_copy, sqlite_copy
from server.backup.archive import read_archive
from server.backup.data_files import BEFORE, RESTORING, database_files, kept_entries
from server.backup.manifest import BackupInvalid, Manifest
from server.backup.saving import DATA, Progress, check_database, engine_of, entry_of
from server.config import ServerConfig
from server.data_folder import UNFINISHED, alone_in, make_data_folder
from server.database.schema import NEWEST

PUTTING_ASIDE: Final = "putting aside"
PUTTING_IN_PLACE: Final = "putting in place"


class WouldOverwrite(Exception):
    """There is something already where the backup is to go; the message says where."""


def restore(config: ServerConfig, source: Path, *, force: bool, progress: Progress) -> tuple[Manifest, Path | None]:
    """Make the data folder and the database what the backup holds.

    Returns the manifest, and the folder with what was there before, None when there was nothing.

    Raises:
        BackupInvalid: it is damaged, of a newer program, or of another kind of database. Nothing has changed.
        WouldOverwrite: something is there, and `force` is not set. Nothing has changed.
        ConfigInvalid: a server works on the data folder.
        PostgresFailed: the database refused.
        OSError: something cannot be read or written.
    """
    data_dir = config.data_dir
    make_data_folder(data_dir)
    with ExitStack() as stack:
        stack.enter_context(alone_in(data_dir))
        _refuse_to_overwrite(config, force=force)
        unpacked = data_dir / RESTORING
        shutil.rmtree(unpacked, ignore_errors=True)
        try:
            manifest = _unpack(source, unpacked, config, progress)
            before = _put_aside(config)
            _put_in_place(config, unpacked, progress)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
        (data_dir / UNFINISHED).unlink()
        return manifest, before


def _refuse_to_overwrite(config: ServerConfig, *, force: bool) -> None:
    # Asked in any case, as it finds out whether servers use the database.
    empty = _database_is_empty(config)
    if force or (config.data_dir / UNFINISHED).exists():
        return
    if present := kept_entries(config.data_dir, config.database_file):
        raise WouldOverwrite(f"{config.data_dir} holds {present[0].name} and perhaps more")
    if not empty:
        raise WouldOverwrite("the database of DATABASE_URL holds tables")


def _database_is_empty(config: ServerConfig) -> bool:
    if (file := config.database_file) is not None:
        return not file.exists()
    return postgres_copy.is_empty(config.database_url)


def _unpack(source: Path, folder: Path, config: ServerConfig, progress: Progress) -> Manifest:
    folder.mkdir(mode=0o700)
    (folder / "data").mkdir(mode=0o700)

    def take(info: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        progress(info.name)
        # Refuses paths that lead out of the folder, links and devices, source: PEP 706.
        try:
            safe = tarfile.data_filter(info, str(folder))
        except tarfile.FilterError as error:
            raise BackupInvalid(f"it holds a file that leads elsewhere: {info.name}") from error
        path = folder / safe.name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        else:
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)
        path.chmod((info.mode & 0o777) | (0o700 if content is None else 0o600))

    manifest = read_archive(source, take)
    if manifest.engine != engine_of(config):
        raise BackupInvalid(f"it holds a {manifest.engine} database, and DATABASE_URL names another kind")
    if manifest.schema > NEWEST:
        raise BackupInvalid(f"its database has schema {manifest.schema}, this program knows none after {NEWEST}")
    check_database(manifest, folder / entry_of(manifest.engine))
    return manifest


def _put_aside(config: ServerConfig) -> Path | None:
    """Move what is there to a folder of its own, and note that from here on it is unfinished."""
    data_dir = config.data_dir
    phase, before = _read_note(data_dir)
    if phase == PUTTING_IN_PLACE:
        # What stands there came out of a backup, by a restore that broke off.
        for path in kept_entries(data_dir, config.database_file):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return before
    before = before or data_dir / f"{BEFORE}{datetime.now(UTC):%Y%m%d-%H%M%S}"
    _note(data_dir, PUTTING_ASIDE, before)
    file = config.database_file
    own = [] if file is None else [path for path in database_files(file) if path.exists()]
    for path in (*kept_entries(data_dir, file), *own):
        before.mkdir(mode=0o700, exist_ok=True)
        shutil.move(path, before / path.name)
    _note(data_dir, PUTTING_IN_PLACE, before)
    return before if before.exists() else None


def _put_in_place(config: ServerConfig, unpacked: Path, progress: Progress) -> None:
    progress("the database")
    copy = unpacked / entry_of(engine_of(config))
    if (file := config.database_file) is not None:
        sqlite_copy.put_in_place(copy, file)
    else:
        postgres_copy.put_in_place(copy, config.database_url)
    for path in sorted((unpacked / DATA).iterdir()):
        path.rename(config.data_dir / path.name)
    os.sync()


def _note(data_dir: Path, phase: str, before: Path) -> None:
    note = data_dir / UNFINISHED
    fresh = note.with_suffix(".new")
    fresh.write_text(json.dumps({"phase": phase, "before": before.name}), encoding="utf-8")
    fresh.rename(note)
    os.sync()


def _read_note(data_dir: Path) -> tuple[str, Path | None]:
    try:
        note = json.loads((data_dir / UNFINISHED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "", None
    return note["phase"], data_dir / note["before"]
