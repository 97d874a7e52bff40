"""`python -m server.backup`: what it saves is there again, and what is no whole backup is never restored."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from server.backup.archive import write_archive
from server.backup.manifest import Entry, Manifest
from server.database.database import open_database
from server.database.schema import NEWEST
from tests.integration.database.databases import POSTGRES_PROGRAMS, bare_database_url, database_url

ROOT = Path(__file__).parents[3]
both_databases = pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])


class Place:
    """A data folder and a database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.data_dir = folder / "data"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.url = url
        own = {"DATA_DIR": str(self.data_dir), "DATABASE_URL": url, "PATH": f"{POSTGRES_PROGRAMS}:{os.environ['PATH']}"}
        self.environment = {**os.environ, **own, "PYTHONPATH": f"{ROOT}:{ROOT / 'generated/python'}"}

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "server.backup", *map(str, words)]
        return subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)

    def done(self, *words: str | Path) -> dict[str, Any]:
        ended = self.run(*words, "--json")
        assert ended.returncode == 0, ended.stderr
        return dict(json.loads(ended.stdout))

    def refused(self, *words: str | Path, code: int = 1) -> str:
        ended = self.run(*words)
        assert ended.returncode == code, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        return ended.stderr

    def fill(self) -> None:
        (self.data_dir / "credentials.env").write_text("API_KEY=kept\n")
        (self.data_dir / "credentials.env").chmod(0o600)
        folder = self.data_dir / "tenants" / "user-anna" / "bots" / "empty"
        folder.mkdir(parents=True)
        (self.data_dir / "queue").mkdir()
        (self.data_dir / "queue" / "left-out").touch()
        asyncio.run(self._write("INSERT INTO event_producers VALUES ('p-1', 7, 0), ('p-2', 8, 0)"))

    def producers(self) -> list[tuple[str, int]]:
        query = "SELECT id, acknowledged_position FROM event_producers ORDER BY id"
        return asyncio.run(self._read(query))

    def names(self) -> set[str]:
        return {path.name for path in self.data_dir.iterdir()} - {"switchyard.db", "server.lock", "queue"}

    async def _write(self, statement: str) -> None:
        database = await open_database(self.url)
        await database.write(lambda connection: connection.execute(sa.text(statement)))
        await database.close()

    async def _read(self, query: str) -> list[tuple[str, int]]:
        database = await open_database(self.url)
        rows = await database.scan(lambda connection: connection.execute(sa.text(query)).fetchall())
        await database.close()
        return [(row[0], row[1]) for row in rows]


def place(folder: Path, dialect: str, *, bare: bool = False) -> Place:
    data = folder / "data"
    data.mkdir(parents=True)
    return Place(folder, (bare_database_url if bare else database_url)(dialect, data))


@pytest.fixture
def filled(tmp_path: Path) -> Place:
    here = place(tmp_path / "here", "sqlite")
    here.fill()
    return here


@pytest.fixture
def backup(filled: Place, tmp_path: Path) -> Path:
    filled.done("create", tmp_path / "backup")
    return tmp_path / "backup"


@pytest.fixture
def empty(tmp_path: Path) -> Place:
    return place(tmp_path / "there", "sqlite", bare=True)


@both_databases
def test_what_was_saved_is_there_again(tmp_path: Path, dialect: str) -> None:
    here, there = place(tmp_path / "here", dialect), place(tmp_path / "there", dialect, bare=True)
    here.fill()

    saved = here.done("create", tmp_path / "backup")
    there.done("restore", tmp_path / "backup")

    assert saved["missing"] == []
    assert there.producers() == [("p-1", 7), ("p-2", 8)]
    assert (there.data_dir / "credentials.env").read_text() == "API_KEY=kept\n"
    assert (there.data_dir / "credentials.env").stat().st_mode & 0o777 == 0o600
    assert (there.data_dir / "tenants" / "user-anna" / "bots" / "empty").is_dir()
    assert there.names() == {"credentials.env", "tenants"}
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o600


def test_a_backup_is_proven_without_being_restored(filled: Place, backup: Path) -> None:
    told = filled.done("verify", backup)

    assert told["database"] == f"sqlite, schema {NEWEST}"
    assert told["files"] == 2


def test_an_existing_file_is_not_written_over(filled: Place, backup: Path) -> None:
    before = backup.read_bytes()

    assert "is there already" in filled.refused("create", backup)
    assert backup.read_bytes() == before


@pytest.mark.parametrize("place_of_damage", [0.1, 0.5, 0.9])
def test_a_damaged_backup_is_refused_and_nothing_has_changed(
    empty: Place, backup: Path, place_of_damage: float
) -> None:
    content = bytearray(backup.read_bytes())
    content[int(len(content) * place_of_damage)] ^= 0xFF
    backup.write_bytes(content)

    assert str(backup) in empty.refused("verify", backup)
    empty.refused("restore", backup)
    assert empty.names() == set()


@pytest.mark.parametrize("rest", [0.0, 0.5, 0.99])
def test_a_backup_that_broke_off_is_refused(empty: Place, backup: Path, rest: float) -> None:
    content = backup.read_bytes()
    backup.write_bytes(content[: int(len(content) * rest)])

    empty.refused("restore", backup)
    assert empty.names() == set()


def test_an_artifact_without_its_file_is_reported(filled: Place, tmp_path: Path) -> None:
    columns = "task_id, name, file, kind, content_type, size_bytes, sha256, create_time"
    with sqlite3.connect(filled.data_dir / "switchyard.db") as connection:
        connection.execute(f"INSERT INTO artifacts ({columns}) VALUES ('t', 'shot.png', 'f', 1, '', 1, '', 0)")

    assert filled.done("create", tmp_path / "backup")["missing"] == ["t/shot.png"]


def test_what_is_there_is_not_overwritten(filled: Place, backup: Path) -> None:
    assert "--force" in filled.refused("restore", backup, code=2)
    assert filled.producers() == [("p-1", 7), ("p-2", 8)]


def test_what_is_there_is_moved_aside_by_force(filled: Place, backup: Path) -> None:
    (filled.data_dir / "credentials.env").write_text("API_KEY=newer\n")

    told = filled.done("restore", backup, "--force")

    assert (filled.data_dir / "credentials.env").read_text() == "API_KEY=kept\n"
    assert (Path(told["before"]) / "credentials.env").read_text() == "API_KEY=newer\n"
    assert (Path(told["before"]) / "switchyard.db").exists()


def test_a_backup_of_a_newer_program_is_refused(empty: Place, tmp_path: Path) -> None:
    with write_archive(tmp_path / "newer") as archive:
        archive.finish(Manifest("", "9", "sqlite", "9999", {}, {}))

    assert "schema 9999" in empty.refused("restore", tmp_path / "newer")


def test_a_backup_of_another_kind_of_database_is_refused(backup: Path, tmp_path: Path) -> None:
    other = place(tmp_path / "there", "postgresql", bare=True)

    assert "another kind" in other.refused("restore", backup)


@pytest.mark.parametrize("name", ["data/../../escaped", "/escaped"])
def test_no_file_of_a_backup_leads_out_of_the_folder(empty: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "content").write_text("")
    with write_archive(tmp_path / "hostile") as archive:
        archive.add(name, tmp_path / "content")
        archive.finish(Manifest("", "1", "sqlite", NEWEST, {}, {name: Entry(0, "")}))

    empty.refused("restore", tmp_path / "hostile")

    assert not list(tmp_path.rglob("escaped"))
    assert not Path("/escaped").exists()


def test_a_half_restored_folder_keeps_servers_out_until_it_is_restored(empty: Place, backup: Path) -> None:
    # As a kill leaves it: the note says that old things are aside and new ones are coming.
    (empty.data_dir / "restore-unfinished").write_text('{"phase": "putting in place", "before": "before-restore-1"}')
    (empty.data_dir / "tenants").mkdir()

    command = [sys.executable, "-m", "server"]
    server = subprocess.run(command, env=empty.environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert server.returncode == 2
    assert "a restore" in server.stderr

    empty.done("restore", backup)
    assert empty.producers() == [("p-1", 7), ("p-2", 8)]
    assert empty.names() == {"credentials.env", "tenants"}


def test_what_was_being_put_aside_when_it_was_killed_is_not_lost(filled: Place, backup: Path) -> None:
    before = filled.data_dir / "before-restore-1"
    before.mkdir()
    (filled.data_dir / "credentials.env").rename(before / "credentials.env")
    (filled.data_dir / "restore-unfinished").write_text('{"phase": "putting aside", "before": "before-restore-1"}')

    told = filled.done("restore", backup)

    assert Path(told["before"]) == before
    assert {"credentials.env", "tenants", "switchyard.db"} <= {path.name for path in before.iterdir()}
    assert filled.names() == {"credentials.env", "tenants", "before-restore-1"}
