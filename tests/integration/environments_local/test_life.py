"""The life of environments on this machine: kept over the end of workers, ended with all they have made."""

import asyncio
import shutil
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from server.cli.installation import supervisor
from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from tests.integration.environments_local.conftest import Machine, answers, plan
from tests.integration.workers.board import until
from workers.environments.provider import NotThere, ProviderFailed
from workers.runner.messages import HOLDER_NAME

# A child in a session of its own, whose parent has ended.
DAEMON = "setsid sh -c 'sleep 1000 & sleep 1000' > /dev/null 2>&1 &"


async def test_a_stop_ends_every_process_and_keeps_the_files(machine: Machine) -> None:
    environment_id = "env-stopped00001"
    made = await machine.create(environment_id, startup_script=f"echo kept > file.txt; {DAEMON}")
    assert "kept" in httpx.get(f"{made.ide_url}file.txt", trust_env=False).text

    await machine.stop(environment_id)

    assert machine.processes(environment_id) == []
    with socket.create_server(("127.0.0.1", made.ports[0].port)):
        pass
    assert (machine.folder(environment_id) / "workspace/file.txt").read_text() == "kept\n"
    assert await machine.standing(environment_id) == FoundEnvironment.STANDING_STOPPED


async def test_it_opens_at_the_same_address_after_another_start(machine: Machine) -> None:
    first = await machine.create("env-again0000001")
    await machine.stop("env-again0000001")

    second = await machine.create("env-again0000001")

    assert second.ide_url == first.ide_url
    assert second.ports[1].port == 3000


async def test_creating_what_runs_changes_nothing(machine: Machine) -> None:
    first = await machine.create("env-twice0000001")
    processes = machine.processes("env-twice0000001")

    second = await machine.create("env-twice0000001")

    assert second == first
    assert machine.processes("env-twice0000001") == processes


async def test_a_delete_leaves_nothing_and_goes_no_further_than_the_folder(machine: Machine, tmp_path: Path) -> None:
    environment_id = "env-deleted00001"
    await machine.create(environment_id)
    outside = tmp_path / "kept.txt"
    outside.write_text("not of the environment")
    workspace = machine.folder(environment_id) / "workspace"
    (workspace / "file-link").symlink_to(outside)
    (workspace / "folder-link").symlink_to(tmp_path)
    (workspace / "fixed").mkdir()
    (workspace / "fixed" / "file").write_text("read-only")
    (workspace / "fixed" / "file").chmod(0o400)
    (workspace / "fixed").chmod(0o500)

    await machine.delete(environment_id)

    assert not machine.folder(environment_id).exists()
    assert machine.processes(environment_id) == []
    assert outside.read_text() == "not of the environment"
    assert await machine.standing(environment_id) is None


async def test_what_is_not_there_is_stopped_and_deleted_without_error(machine: Machine) -> None:
    await machine.stop("env-never0000001")
    await machine.delete("env-never0000001")

    assert await machine.standing("env-never0000001") is None


@pytest.mark.parametrize("environment_id", ["..", "../env-a", "a/b", "", ".", "env-a\n", "-rf"])
async def test_an_id_that_is_no_plain_name_is_refused(machine: Machine, environment_id: str) -> None:
    with pytest.raises(ProviderFailed):
        await machine.delete(environment_id)


async def test_it_outlives_a_worker_that_is_killed_and_the_next_one_stops_it(machine: Machine) -> None:
    environment_id = "env-lasting00001"
    made = await machine.create(environment_id)  # whose worker has ended since

    assert answers(made.ide_url)
    assert await machine.standing(environment_id) == FoundEnvironment.STANDING_RUNNING

    await machine.stop(environment_id)

    assert machine.processes(environment_id) == []


async def test_a_holder_that_is_killed_takes_everything_along(machine: Machine) -> None:
    environment_id = "env-killed000001"
    await machine.create(environment_id, startup_script=DAEMON)
    holder = next(process for process in machine.processes(environment_id) if process.name() == HOLDER_NAME)

    holder.send_signal(signal.SIGKILL)

    await until(lambda: machine.processes(environment_id) == [])
    assert await machine.standing(environment_id) == FoundEnvironment.STANDING_STOPPED
    with pytest.raises(NotThere):
        await machine.exec(environment_id, "true")


async def test_an_editor_that_crashes_is_started_again_at_the_same_port(machine: Machine) -> None:
    environment_id = "env-crashed00001"
    made = await machine.create(environment_id)
    editor = next(found for found in machine.processes(environment_id) if found.cmdline()[1:3] == ["-m", "http.server"])

    editor.send_signal(signal.SIGKILL)

    await until(lambda: not editor.is_running())
    await until(lambda: answers(made.ide_url))
    assert "ended with exit code 137 and is started again" in " ".join(await machine.log(environment_id))


async def test_an_editor_that_only_crashes_fails_with_a_sentence(machine: Machine) -> None:
    broken = Machine(machine.data_dir, (sys.executable, "-c", "import sys; sys.exit('{port} is broken')"))

    with pytest.raises(ProviderFailed) as failure:
        await broken.create("env-broken000001")

    assert "crashed again and again" in str(failure.value)
    assert await broken.standing("env-broken000001") == FoundEnvironment.STANDING_FAILED
    assert machine.processes("env-broken000001") == []


async def test_an_editor_that_is_not_there_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.environments.local.editor._JUPYTER", ("/nowhere/jupyter-lab",))

    with pytest.raises(ProviderFailed, match="make setup"):
        await Machine(machine.data_dir, ()).create("env-noeditor0001")


async def test_a_failed_startup_script_is_noted_and_the_editor_starts(machine: Machine) -> None:
    environment_id = "env-script000001"

    made = await machine.create(environment_id, startup_script="echo trying; exit 3")

    assert answers(made.ide_url)
    log = await machine.log(environment_id)
    assert "trying" in log
    assert "switchyard: the startup script failed with exit code 3" in log


async def test_without_bubblewrap_it_says_so_and_still_ends_with_all_it_has_made(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("sh", "setsid", "sleep", "true"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(tmp_path))
    environment_id = "env-open00000001"

    await machine.create(environment_id, startup_script=DAEMON)

    assert [step for step in machine.steps if "not isolated" in step]
    assert await machine.exec(environment_id, "sh", "-c", f"{DAEMON} exit 7") == (7, [])
    await machine.stop(environment_id)
    assert machine.processes(environment_id) == []
    assert not list(Path("/dev/shm").glob("switchyard-env-*"))


async def test_all_that_is_there_is_found_by_name(machine: Machine) -> None:
    async with machine.provider() as provider:
        found = [one.environment_id for page in [page async for page in provider.found()] for one in page]

    assert found == sorted(path.name for path in (machine.data_dir / "environments").iterdir())
    assert len(found) > 3


async def test_a_log_is_followed_from_its_last_lines(machine: Machine) -> None:
    environment_id = "env-follow000001"
    await machine.create(environment_id, startup_script="for n in 1 2 3; do echo line $n; done")
    lines: list[str] = []
    async with machine.provider() as provider:
        following = asyncio.create_task(provider.logs(environment_id, "eastus", lines.append, tail=1, follow=True))
        await until(lambda: bool(lines))

        await machine.stop(environment_id)

        await until(lambda: lines[-1] == "switchyard: the environment has ended")
        following.cancel()
    assert "line 1" not in lines


def test_up_and_workers_know_holders_by_the_same_name() -> None:
    assert supervisor.LASTING_NAME == HOLDER_NAME


def test_a_plan_shows_no_secret() -> None:
    assert "ghp_" not in repr(plan("env-a"))
