"""`python -m server.migrate`, and servers that leave migrations to it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.database.database import open_database
from server.database.schema import NEWEST, SchemaTooOld
from server.migrate import main
from tests.integration.database.databases import bare_database_url, database_url

ROOT = Path(__file__).parents[3]


def start(url: str, folder: Path, module: str, *arguments: str) -> "subprocess.Popen[str]":
    settings = {"DATABASE_URL": url, "DATA_DIR": str(folder), "JWT_SECRET_KEY": "j" * 40, "MIGRATE_AT_START": "false"}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def migrate(monkeypatch: pytest.MonkeyPatch, url: str, folder: Path, *arguments: str) -> int:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DATA_DIR", str(folder))
    return main(arguments)


async def test_several_may_run_at_once_and_one_of_them_does_the_work(tmp_path: Path) -> None:
    url = bare_database_url("postgresql", tmp_path)

    processes = [start(url, tmp_path, "server.migrate") for _ in range(2)]
    ended = [process.communicate() for process in processes]

    assert [process.returncode for process in processes] == [0, 0], ended
    assert {out for out, _ in ended} == {f"switchyard migrate: the database has schema {NEWEST}\n"}
    await (await open_database(url, migrate=False)).close()


def test_a_check_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = bare_database_url("postgresql", tmp_path)

    codes = [migrate(monkeypatch, url, tmp_path, "--check") for _ in range(2)]

    assert codes == [1, 1]
    assert f"has schema none, this program needs {NEWEST}: run `switchyard migrate`" in capsys.readouterr().err


def test_who_waits_is_told_when_another_one_has_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = bare_database_url("postgresql", tmp_path)

    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(migrate, monkeypatch, url, tmp_path, "--check", "--wait", "60")
        assert migrate(monkeypatch, url, tmp_path) == 0

        assert waiting.result() == 0


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_who_is_told_not_to_migrate_does_not(dialect: str, tmp_path: Path) -> None:
    url = bare_database_url(dialect, tmp_path)

    for _ in range(2):
        with pytest.raises(SchemaTooOld):
            await open_database(url, migrate=False)


async def test_an_up_to_date_database_is_opened_without_a_migration(tmp_path: Path) -> None:
    database = await open_database(database_url("sqlite", tmp_path), migrate=False)

    assert database.dialect == "sqlite"
    await database.close()


def test_a_server_that_may_not_migrate_says_what_to_do(tmp_path: Path) -> None:
    process = start(bare_database_url("sqlite", tmp_path), tmp_path, "server")

    _, err = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "run `switchyard migrate`" in err.splitlines()[-1]


def test_a_database_that_is_away_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The port of "discard", where nobody listens.
    code = migrate(monkeypatch, "postgresql://nobody@127.0.0.1:9/none", tmp_path)

    assert code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("switchyard migrate: DATABASE_URL: the database cannot be opened: ")
