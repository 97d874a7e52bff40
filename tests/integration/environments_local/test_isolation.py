"""What an environment may see and use. Real processes, isolated by bubblewrap."""

import asyncio
import shutil

import pytest
from aiohttp import web

from tests.integration.environments_local.conftest import PASSWORD, SECRETS, Machine
from tests.integration.workers.board import until
from tests.ports import free_port
from workers.runner.messages import HOLDER_NAME

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is missing")

HIDDEN = [value for name, value in SECRETS.items() if not name.startswith(("GIT_", "SSH_"))]


async def test_it_sees_neither_the_data_folder_nor_another_environment(machine: Machine, running: str) -> None:
    other = machine.folder("env-other0000001") / "workspace"
    other.mkdir(parents=True)
    (other / "private.txt").write_text("of somebody else")

    for path in (other / "private.txt", machine.data_dir / "credentials.env", machine.folder(running) / "state.json"):
        exit_code, lines = await machine.exec(running, "cat", str(path))

        assert exit_code != 0
        assert "No such file" in " ".join(lines)


@pytest.mark.parametrize("path", ["/proc/sys/vm/swappiness", "/usr/written", "/etc/passwd"])
async def test_it_cannot_change_the_machine(machine: Machine, running: str, path: str) -> None:
    exit_code, _ = await machine.exec(running, "sh", "-c", f"cat {path} > /tmp/was; cat /tmp/was >> {path}")

    assert exit_code != 0


async def test_it_cannot_undo_what_hides_the_data_folder(machine: Machine, running: str) -> None:
    hidden = machine.data_dir
    undo = f"umount -l {hidden}; unshare -Um umount -l {hidden}; cat {hidden}/credentials.env"

    _, lines = await machine.exec(running, "sh", "-c", undo)

    assert "the-key-of-all" not in " ".join(lines)


async def test_it_sees_no_process_but_its_own(machine: Machine, running: str) -> None:
    _, lines = await machine.exec(running, "sh", "-c", "ls /proc | grep -c '^[0-9]'")

    assert int(lines[0]) < 10


async def test_nothing_of_the_workers_own_variables_goes_in(
    machine: Machine, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await machine.stop(running)
    monkeypatch.setenv("API_KEY", "the-key-of-all")
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:secret@host/db")
    await machine.create(running)

    _, lines = await machine.exec(running, "env")

    assert not [line for line in lines if line.startswith(("API_KEY=", "DATABASE_URL="))]


async def test_its_programs_have_the_secrets_and_logs_show_none(machine: Machine, running: str) -> None:
    _, told = await machine.exec(running, "sh", "-c", "echo ${#GITHUB_TOKEN} $GIT_AUTHOR_NAME; env")

    assert told[0] == f"{len(SECRETS['GITHUB_TOKEN'])} Ada"
    assert not [line for line in [*told, *await machine.log(running)] for secret in HIDDEN if secret in line]


async def test_secrets_are_in_no_file_and_no_command_line(machine: Machine, running: str) -> None:
    files = [path for path in machine.folder(running).rglob("*") if path.is_file()]

    assert not [path for path in files for secret in HIDDEN if secret.encode() in path.read_bytes()]
    for process in machine.processes(running):
        assert not [secret for secret in HIDDEN if secret in " ".join(process.cmdline())]


async def test_the_public_key_lies_where_ssh_looks_for_it(machine: Machine, running: str) -> None:
    keys = machine.folder(running) / "home/.ssh/authorized_keys"

    assert keys.read_text() == SECRETS["SSH_PUBLIC_KEY"] + "\n"
    assert keys.stat().st_mode & 0o777 == 0o600


async def test_it_runs_on_as_many_cpus_as_it_has_cores(machine: Machine, running: str) -> None:
    assert await machine.exec(running, "nproc") == (0, ["1"])


async def test_what_uses_more_memory_than_there_is_to_be_is_ended(machine: Machine, running: str) -> None:
    greedy = "import time; held = bytearray(1_200_000_000); time.sleep(100)"

    exit_code, _ = await machine.exec(running, "python3", "-c", greedy)

    assert exit_code == 137
    assert [line for line in await machine.log(running) if "was ended: 1." in line and "may use 1 GB" in line]


async def test_a_command_that_is_broken_off_ends_with_all_it_has_made(machine: Machine, running: str) -> None:
    before = len(machine.processes(running))
    command = asyncio.create_task(machine.exec(running, "sh", "-c", "setsid sleep 1000 & setsid sleep 1000 & wait"))
    await until(lambda: len(machine.processes(running)) >= before + 3)

    command.cancel()

    await until(lambda: len(machine.processes(running)) == before)


async def test_a_missing_program_is_told_by_the_exit_code(machine: Machine, running: str) -> None:
    exit_code, lines = await machine.exec(running, "no-such-program")

    assert exit_code != 0
    assert "no-such-program" in " ".join(lines)


async def test_long_lines_are_cut_and_all_lines_come(machine: Machine, running: str) -> None:
    exit_code, lines = await machine.exec(
        running, "python3", "-c", "print('x' * 100_000); [print(n) for n in range(20_000)]"
    )

    assert exit_code == 0
    assert len(lines[0]) == 16 * 1024
    assert lines[1:] == [str(number) for number in range(20_000)]


def test_the_password_is_that_of_the_editor(machine: Machine, running: str) -> None:
    environments = [process.environ() for process in machine.processes(running) if process.name() != HOLDER_NAME]

    assert {found.get("JUPYTER_TOKEN") for found in environments} == {PASSWORD}
    assert not (machine.folder(running) / "ide-password").exists()


async def test_its_activity_is_reported_from_inside(machine: Machine, running: str) -> None:
    reports: list[tuple[str, str | None]] = []

    async def take(request: web.Request) -> web.Response:
        reports.append((request.path, request.headers.get("authorization")))
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await machine.stop(running)

    await machine.create(
        running,
        secrets={**SECRETS, "ENVIRONMENT_TOKEN": "token-of-the-environment"},
        variables={"AGENT_URL": f"http://127.0.0.1:{port}"},
    )

    await until(lambda: bool(reports))
    await runner.cleanup()
    assert reports[0] == (f"/api/v1/environments/{running}/activity", "Bearer token-of-the-environment")


async def test_a_password_is_made_where_none_is_given(machine: Machine) -> None:
    await machine.create("env-nopassword01", secrets={})

    password = (machine.folder("env-nopassword01") / "ide-password").read_text().strip()
    _, lines = await machine.exec("env-nopassword01", "sh", "-c", "echo ${#JUPYTER_TOKEN}")
    assert lines == [str(len(password))]
    assert not [line for line in await machine.log("env-nopassword01") if password in line]


def test_the_folder_is_ours_alone(machine: Machine, running: str) -> None:
    folder = machine.folder(running)

    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "workspace", folder / "home")] == [0o700] * 3
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file()} == {0o600}
