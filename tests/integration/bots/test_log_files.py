"""Log files follow the stored logs: live, over restarts, in parts, and not for ever."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from server.bots import run_log_file
from server.bots.instance_store import RUN_KIND
from server.bots.run_log_file import LogFileTaken, RunLogFile
from server.bots.tenant_folder import TenantFolder
from server.clock import now_micros
from server.tasks.artifacts import ArtifactFiles
from server.tasks.log_store import LogLineRow
from server.tasks.retention import Retention
from switchyard.bots.v1 import bot_instance_service_pb2
from tests.integration.bots.serving import Bots, serving


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not reached():
            await asyncio.sleep(0.01)


def texts(folder: Path) -> list[str]:
    """Return the messages in the log files of an instance, oldest first."""
    files = sorted(folder.glob("logs/run-*.log*"), key=lambda path: (path.suffix == ".log", path.suffix))
    return [line.split(" - ", 1)[1] for file in files for line in file.read_text().splitlines()]


async def unfinished(bots: Bots) -> int:
    return await bots.database.read(
        lambda connection: int(connection.exec_driver_sql("select count(*) from unfinished_log_files").scalar_one())
    )


async def test_a_file_grows_with_its_run(bots: Bots) -> None:
    instance = await bots.create()
    folder = bots.folder(instance)
    await bots.start(instance.id)
    task = await bots.claim("run_bot")
    await bots.log(task, 1, "one", "two\nlines")
    await until(lambda: texts(folder) == ["one", "two\\nlines"])

    await bots.log(task, 3, "three")
    await bots.succeed(task)

    await until(lambda: texts(folder) == ["one", "two\\nlines", "three"])
    (file,) = folder.glob("logs/run-*.log")
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_run_without_a_line_leaves_no_file(bots: Bots) -> None:
    instance = await bots.create()
    await bots.run_once(instance.id)

    async with asyncio.timeout(5):
        while await unfinished(bots):
            await asyncio.sleep(0.01)

    assert names(bots.folder(instance) / "logs") == []


async def test_a_file_is_completed_after_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as bots:
        instance = await bots.create()
        folder = bots.folder(instance)
        await bots.start(instance.id)
        task = await bots.claim("run_bot")
        await bots.log(task, 1, "one", "two")
        await until(lambda: texts(folder) == ["one", "two"])
    (file,) = folder.glob("logs/run-*.log")
    with file.open("a") as half:
        half.write("[2024-01-01 00:00:00] - a line that was cut sh")

    async with serving(tmp_path / "data") as bots:
        await bots.log(task, 3, "three")
        await bots.succeed(task)
        await until(lambda: texts(folder) == ["one", "two", "three"])


async def test_a_deleted_instance_ends_its_writer(bots: Bots) -> None:
    instance = await bots.create()
    await bots.run_once(instance.id, "one")
    await until(lambda: texts(bots.folder(instance)) == ["one"])

    await bots.instances.DeleteBotInstance(bot_instance_service_pb2.DeleteBotInstanceRequest(id=instance.id))
    other = await bots.create()
    await bots.run_once(other.id, "another")

    await until(lambda: texts(bots.folder(other)) == ["another"])
    assert not bots.folder(instance).exists()


def line(seq: int, message: str) -> LogLineRow:
    return LogLineRow(seq, 1_700_000_000_000_000, 2, message)


def test_a_full_file_is_put_aside_and_all_parts_are_counted(tmp_path: Path) -> None:
    folder = TenantFolder(tmp_path, "user-ann", "i1")
    name = run_log_file.file_name(1_700_000_000_000_000)
    file = RunLogFile(folder, name, limit_bytes=100)

    file.append([line(seq, f"message {seq}") for seq in range(1, 8)])
    file.close()

    assert names(folder.root / "logs") == [name, f"{name}.1", f"{name}.2", f"{name}.3"]
    assert texts(folder.root) == [f"message {seq}" for seq in range(1, 8)]
    again = RunLogFile(folder, name, limit_bytes=100)
    assert again.line_count == 7
    again.close()


def test_a_file_that_another_server_writes_is_left_alone(tmp_path: Path) -> None:
    folder = TenantFolder(tmp_path, "user-ann", "i1")
    name = run_log_file.file_name(0)
    first = RunLogFile(folder, name, limit_bytes=100)

    with pytest.raises(LogFileTaken):
        RunLogFile(folder, name, limit_bytes=100)

    first.close()


def test_old_files_and_those_above_the_limit_are_removed_oldest_first(tmp_path: Path) -> None:
    folder = TenantFolder(tmp_path, "user-ann", "i1")
    folder.create()
    files = [run_log_file.file_name(day * 86_400_000_000) for day in range(1, 6)]
    now = now_micros() // 1_000_000
    for age, name in zip((50, 40, 3, 2, 1), files, strict=True):
        (folder.root / "logs" / name).write_bytes(b"x" * 100)
        os.utime(folder.root / "logs" / name, (now - age * 86_400,) * 2)
    (folder.root / "logs/notes.txt").write_text("not ours")

    removed = run_log_file.prune(
        folder, older_than=(now - 30 * 86_400) * 1_000_000, limit_bytes=200, keep=frozenset({files[0]})
    )

    assert removed == 2
    assert names(folder.root / "logs") == sorted(["notes.txt", files[0], files[3], files[4]])


async def test_stored_logs_of_old_runs_are_removed_and_the_runs_stay(bots: Bots) -> None:
    instance = await bots.create()
    await bots.run_once(instance.id, "old")
    bots.clock.ahead += 31 * 86_400 * 1_000_000

    files = ArtifactFiles(bots.data_dir, bots.database, bots.clock)
    await Retention(bots.database, files, bots.clock, kinds=[RUN_KIND], days=30).clear()

    lines, runs = await bots.database.read(
        lambda connection: (
            connection.exec_driver_sql("select count(*) from log_lines").scalar_one(),
            connection.exec_driver_sql("select count(*) from tasks").scalar_one(),
        )
    )
    assert (lines, runs) == (0, 1)
