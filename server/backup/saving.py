"""Makes a backup, and proves one."""

import shutil
import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO, Final, NamedTuple

from server.backup import postgres_copy, sqlite_copy
from server.backup.archive import read_archive, write_archive
from server.backup.data_files import kept_files
from server.backup.manifest import BackupInvalid, Manifest
from server.config import ServerConfig

DATA: Final = "data/"
Progress = Callable[[str], None]


class Saved(NamedTuple):
    """A finished backup. `missing` are artifacts that the database knows and whose file was not there."""

    manifest: Manifest
    missing: list[str]


def save(config: ServerConfig, target: Path, progress: Progress) -> Saved:
    """Write everything that is kept to the new file `target`, and read it again.

    The database comes first, as it was at one moment: so each file it knows is in the backup, and files may be newer.

    Raises:
        OSError, sqlite3.Error, PostgresFailed: something cannot be read or written.
        BackupInvalid: what was written is not what was read.
    """
    engine = engine_of(config)
    entry = entry_of(engine)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as folder, write_archive(target) as archive:
        copy = Path(folder, "copy")
        progress("the database")
        if (file := config.database_file) is not None:
            schema, rows = sqlite_copy.save(file, copy)
        else:
            schema, rows = postgres_copy.save(config.database_url, copy)
        archive.add(entry, copy)
        for found in kept_files(config.data_dir, config.database_file):
            progress(str(found.relative))
            try:
                if found.is_folder:
                    archive.add_folder(f"{DATA}{found.relative}", found.path.stat().st_mode & 0o777)
                else:
                    archive.add(f"{DATA}{found.relative}", found.path)
            except FileNotFoundError:  # removed since it was listed
                continue
        missing = sqlite_copy.missing_artifacts(copy, set(archive.entries)) if engine == "sqlite" else []
        now = datetime.now(UTC).isoformat(timespec="seconds")
        archive.finish(Manifest(now, metadata.version("switchyard"), engine, schema, rows, archive.entries))
    return Saved(verify(target, progress), missing)


def verify(source: Path, progress: Progress) -> Manifest:
    """Read a whole backup, compare each file with the manifest, and look at the database in it.

    Raises:
        BackupInvalid: something of it is not as it was saved.
        OSError: it cannot be read.
        PostgresFailed: it holds a database of Postgres, and there is no pg_restore.
    """
    with tempfile.TemporaryDirectory(dir=source.parent, prefix=".verify-") as folder:
        copy = Path(folder, "copy")

        def take(info: tarfile.TarInfo, content: IO[bytes] | None) -> None:
            progress(info.name)
            if content is not None and info.name in (sqlite_copy.ENTRY, postgres_copy.ENTRY):
                with copy.open("wb") as file:
                    shutil.copyfileobj(content, file)

        manifest = read_archive(source, take)
        check_database(manifest, copy)
        return manifest


def check_database(manifest: Manifest, copy: Path) -> None:
    """Look at the database of a backup, unpacked to `copy`.

    Raises:
        BackupInvalid: it is not there, or not sound.
    """
    if not copy.exists():
        raise BackupInvalid("it holds no database")
    if manifest.engine == "sqlite":
        sqlite_copy.check(copy, manifest)
    else:
        postgres_copy.check(copy)


def engine_of(config: ServerConfig) -> str:
    """Return "sqlite" or "postgresql"."""
    return "postgresql" if config.database_file is None else "sqlite"


def entry_of(engine: str) -> str:
    """Return the name under which an archive holds the database."""
    return sqlite_copy.ENTRY if engine == "sqlite" else postgres_copy.ENTRY
