"""Commands in environments at Google Cloud: over real SSH, to a machine that lets in whom its metadata names."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest
import pytest_asyncio

from tests.clouds.fault import PASSING, Kind
from tests.clouds.gcp.server import Gcp
from tests.clouds.gcp.ssh import SshServer
from tests.clouds.promises import VARIABLES, Told
from tests.integration.environments_gcp.conftest import QUICK
from tests.patience import PATIENCE
from workers.environments.gcp import GcpProvider, read_settings
from workers.environments.provider import NotThere, Plan, ProviderFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")
MACHINE = ("europe-west3-b", "env-1")
SET = "POST instances/{name}/setMetadata"
LOOK = "GET instances/{name}"
# Ends by itself long after any test.
FOREVER = ["sh", "-c", "echo begun; exec sleep 600"]
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ"


@pytest_asyncio.fixture(loop_scope="module")
async def machine(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> SshServer:
    """The SSH server of an environment that runs."""
    await provider.create(wanted, Told())
    cloud.faults.clear()
    server = cloud.project.server(*MACHINE)
    assert server is not None
    return server


async def run(provider: GcpProvider, *arguments: str) -> tuple[int | None, list[str]]:
    lines: list[str] = []
    return await provider.exec("env-1", "europe-west3", arguments, lines.append), lines


def begin(provider: GcpProvider, arguments: Sequence[str]) -> tuple["asyncio.Task[int | None]", list[str]]:
    lines: list[str] = []
    return asyncio.create_task(provider.exec("env-1", "europe-west3", arguments, lines.append)), lines


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def ended(work: "asyncio.Task[int | None]") -> None:
    work.cancel()
    await asyncio.wait([work], timeout=PATIENCE)
    assert work.cancelled()


def keys(cloud: Gcp) -> list[str]:
    return cloud.project.metadata(*MACHINE).get("ssh-keys", "").splitlines()


@pytest.mark.parametrize(
    ("arguments", "lines", "exit_code"),
    [
        (["echo", "hello"], ["hello"], 0),
        # No shell reads what is given, neither here nor at the machine.
        (["printf", "%s\n", "$HOME `id` 'a' \"b\"; exit", "\x03\\ö\ttab", ""], None, 0),
        (["printf", "%s|", "a\nb", "", "-x"], ["a", "b||-x|"], 0),
        (["printf", "a\n\n\nb"], ["a", "", "", "b"], 0),
        (["printf", "a\r\nb\n"], ["a", "b"], 0),
        (["true"], [], 0),
        (["sh", "-c", "echo out; echo err >&2; exit 7"], ["out", "err"], 7),
        # Killed within the container: as a shell tells it.
        (["sh", "-c", "kill -KILL $$"], None, 137),
        # More than one packet, letters of two bytes in any place.
        (["sh", "-c", "printf 'aö%.0s' $(seq 5000)"], ["aö" * 5000], 0),
        (["sh", "-c", "seq 100000"], [str(number) for number in range(1, 100_001)], 0),
        # There is nobody to type anything.
        (["cat"], [], 0),
        (["no-such-program"], None, 127),
        # As much as the API takes, and more of it than a command line would, were it quoted.
        (["sh", "-c", "echo ${#1}", "sh", "'" * 65_000], ["65000"], 0),
        (["sh", "-c", "echo $#", "sh", *("x" for _ in range(252))], ["252"], 0),
    ],
)
async def test_a_command_prints_its_lines_and_tells_its_exit_code(
    arguments: list[str], lines: list[str] | None, exit_code: int, provider: GcpProvider, machine: SshServer
) -> None:
    code, printed = await run(provider, *arguments)

    assert code == exit_code
    if lines is not None:
        assert printed == lines
    await until(lambda: machine.processes() == [])


async def test_arguments_come_as_they_are(provider: GcpProvider, machine: SshServer) -> None:
    _, printed = await run(provider, "printf", "[%s]\n", "$HOME `id` 'a' \"b\"; exit", "\\ö\ttab", "")

    assert printed == ["[$HOME `id` 'a' \"b\"; exit]", "[\\ö\ttab]", "[]"]


async def test_a_command_runs_in_the_workspace_with_the_variables_of_the_environment(
    provider: GcpProvider, machine: SshServer
) -> None:
    _, printed = await run(provider, "sh", "-c", "pwd; echo $ENVIRONMENT_ID")

    assert printed == [str(machine.folder / "workspace"), VARIABLES["ENVIRONMENT_ID"]]


async def test_what_a_command_leaves_running_stays(provider: GcpProvider, machine: SshServer) -> None:
    code, _ = await run(provider, "sh", "-c", "sleep 600 >/dev/null 2>&1 &")

    assert code == 0
    await until(lambda: [process.name() for process in machine.processes()] == ["sleep"])


async def test_the_key_is_put_once_and_all_else_stays_in_the_metadata(
    provider: GcpProvider, cloud: Gcp, machine: SshServer
) -> None:
    before = dict(cloud.project.metadata(*MACHINE))

    await run(provider, "true")
    await run(provider, "true")

    (line,) = keys(cloud)
    assert line.startswith("switchyard:ssh-ed25519 AAAA")
    assert "PRIVATE" not in str(cloud.faults.requests)
    assert cloud.faults.steps().count(SET) == 1
    assert {key: value for key, value in cloud.project.metadata(*MACHINE).items() if key != "ssh-keys"} == before


async def test_keys_of_others_stay_and_those_of_workers_that_have_ended_go(
    provider: GcpProvider, cloud: Gcp, machine: SshServer
) -> None:
    anns = "ann:ssh-rsa AAAAanns ann@example.com"
    old = 'switchyard:ssh-ed25519 AAAAold google-ssh {"userName":"switchyard","expireOn":"2020-01-01T00:00:00+0000"}'
    cloud.project.machines[MACHINE]["metadata"]["items"].append({"key": "ssh-keys", "value": f"{anns}\n{old}"})

    await run(provider, "true")

    first, second = keys(cloud)
    assert first == anns
    assert second.startswith("switchyard:ssh-ed25519 AAAA")


async def test_two_workers_have_a_key_each(provider: GcpProvider, cloud: Gcp, machine: SshServer) -> None:
    other = GcpProvider(read_settings(cloud.variables), QUICK)

    await run(provider, "true")
    assert (await run(other, "echo", "other"))[1] == ["other"]
    assert (await run(provider, "echo", "first"))[1] == ["first"]

    assert len(set(keys(cloud))) == 2
    await other.close()


async def test_who_changes_the_metadata_meanwhile_loses_nothing(
    provider: GcpProvider, cloud: Gcp, machine: SshServer
) -> None:
    cloud.project.others = [{"key": "note-1", "value": "of somebody"}, {"key": "note-2", "value": "of somebody"}]

    code, _ = await run(provider, "true")

    assert code == 0
    assert [request.status for request in cloud.faults.requests if request.step == SET] == [412, 412, 200]
    assert {"note-1", "note-2", "ssh-keys", "startup-script"} <= cloud.project.metadata(*MACHINE).keys()


async def test_several_commands_at_once_share_a_key(provider: GcpProvider, cloud: Gcp, machine: SshServer) -> None:
    answers = await asyncio.gather(*(run(provider, "echo", str(number)) for number in range(8)))

    assert answers == [(0, [str(number)]) for number in range(8)]
    assert len(keys(cloud)) == 1


@pytest.mark.parametrize("kind", PASSING)
async def test_a_fault_that_passes_is_overcome(
    provider: GcpProvider, cloud: Gcp, machine: SshServer, kind: Kind
) -> None:
    cloud.faults.plan_once_each(kind)

    assert await run(provider, "echo", "hello") == (0, ["hello"])

    assert SET in cloud.faults.met()


async def test_metadata_that_may_not_be_changed_is_told(provider: GcpProvider, cloud: Gcp, machine: SshServer) -> None:
    cloud.faults.plan(SET, Kind.REFUSED, times=100)

    with pytest.raises(ProviderFailed, match="refused the credentials") as failure:
        await run(provider, "true")

    assert failure.value.kind == "ProviderRefused"


async def test_what_does_not_run_runs_no_command(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    with pytest.raises(NotThere):
        await run(provider, "true")
    await provider.create(wanted, Told())
    await provider.stop(wanted.environment_id, wanted.region, Told())
    with pytest.raises(NotThere):
        await run(provider, "true")


async def test_a_machine_whose_container_does_not_run_runs_no_command(
    provider: GcpProvider, machine: SshServer
) -> None:
    machine.container_runs(False)

    with pytest.raises(NotThere, match="does not run"):
        await run(provider, "true")


@pytest.mark.parametrize(
    ("of_machine", "of_project", "refused"),
    [
        (None, "TRUE", True),
        ("true", None, True),
        # What the machine says counts before the project.
        ("FALSE", "TRUE", False),
        (None, "FALSE", False),
    ],
)
async def test_with_os_login_commands_are_refused_in_plain_words(
    provider: GcpProvider,
    cloud: Gcp,
    machine: SshServer,
    of_machine: str | None,
    of_project: str | None,
    refused: bool,
) -> None:
    if of_machine:
        cloud.project.machines[MACHINE]["metadata"]["items"].append({"key": "enable-oslogin", "value": of_machine})
    if of_project:
        cloud.project.common = [{"key": "enable-oslogin", "value": of_project}]

    if refused:
        with pytest.raises(ProviderFailed, match="OS Login") as failure:
            await run(provider, "true")
        assert failure.value.kind == "ProviderRefused"
        assert keys(cloud) == []
    else:
        assert await run(provider, "true") == (0, [])


async def test_a_project_that_may_not_be_read_hinders_nothing(
    provider: GcpProvider, cloud: Gcp, machine: SshServer
) -> None:
    cloud.faults.plan("GET /compute/v1/projects/switchyard-test", Kind.REFUSED, times=100)

    assert await run(provider, "true") == (0, [])


async def test_a_key_that_is_never_taken_is_told(impatient: GcpProvider, machine: SshServer) -> None:
    machine.takes_keys = False

    with pytest.raises(ProviderFailed, match="did not take the key of this worker within 0 seconds") as failure:
        await run(impatient, "true")

    assert failure.value.retryable


async def test_a_key_is_offered_until_the_machine_has_taken_it(provider: GcpProvider, machine: SshServer) -> None:
    machine.takes_keys = False
    work, lines = begin(provider, ["echo", "hello"])
    await until(lambda: len(machine.connections) > 3)
    assert not work.done()

    machine.takes_keys = True

    assert await asyncio.wait_for(work, PATIENCE) == 0
    assert lines == ["hello"]


async def test_a_machine_with_another_host_key_gets_no_command(
    provider: GcpProvider, cloud: Gcp, machine: SshServer
) -> None:
    cloud.project.shows = OTHER_KEY

    with pytest.raises(ProviderFailed, match="does not have the host key that the machine has published"):
        await run(provider, "touch", "kept.txt")

    assert list((machine.folder / "workspace").iterdir()) == []


async def test_host_keys_that_are_published_late_are_waited_for(
    provider: GcpProvider, cloud: Gcp, machine: SshServer
) -> None:
    cloud.project.shows = ""
    work, _ = begin(provider, ["true"])
    await until(lambda: cloud.faults.steps().count("GET instances/{name}/getGuestAttributes") > 3)
    assert not work.done()

    cloud.project.shows = None

    assert await asyncio.wait_for(work, PATIENCE) == 0


@pytest.mark.parametrize("shown", ["", "rdp 0C25B0C9F04839C53C"])
async def test_a_machine_without_host_keys_gets_no_command(
    impatient: GcpProvider, cloud: Gcp, machine: SshServer, shown: str
) -> None:
    cloud.project.shows = shown

    with pytest.raises(ProviderFailed, match="host key"):
        await run(impatient, "true")


async def test_a_port_that_is_closed_is_told_with_what_to_do(
    provider: GcpProvider, cloud: Gcp, machine: SshServer
) -> None:
    await machine.shut()

    with pytest.raises(ProviderFailed, match="firewall rule must let the workers in"):
        await run(provider, "true")


async def test_a_machine_that_never_answers_is_told(impatient: GcpProvider, cloud: Gcp, machine: SshServer) -> None:
    await machine.shut()

    with (
        socket.create_server((machine.address, cloud.project.ssh.port)),
        pytest.raises(ProviderFailed, match="firewall rule must let the workers in"),
    ):
        await run(impatient, "true")


async def test_a_machine_that_ends_every_connection_is_told(
    impatient: GcpProvider, cloud: Gcp, machine: SshServer
) -> None:
    await machine.shut()

    def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(end, machine.address, cloud.project.ssh.port):
        with pytest.raises(ProviderFailed, match="ends each connection"):
            await run(impatient, "true")


async def test_a_command_that_is_broken_off_is_ended_in_its_container(
    provider: GcpProvider, machine: SshServer
) -> None:
    work, lines = begin(
        provider, ["sh", "-c", "trap 'echo ended > ended.txt; exit' TERM; echo begun; while :; do sleep 0.05; done"]
    )
    await until(lambda: lines == ["begun"])

    await ended(work)

    await until(lambda: machine.processes() == [])
    assert (machine.folder / "workspace" / "ended.txt").read_text() == "ended\n"


async def test_what_does_not_want_to_end_is_killed(provider: GcpProvider, machine: SshServer) -> None:
    # None of them hears SIGTERM, and one has a session of its own.
    script = "trap '' TERM; setsid sleep 600 & sleep 600 & echo begun; wait; sleep 600"
    work, lines = begin(provider, ["sh", "-c", script])
    await until(lambda: lines == ["begun"])

    await ended(work)

    await until(lambda: machine.processes() == [])


async def test_a_command_that_prints_without_end_can_be_broken_off(provider: GcpProvider, machine: SshServer) -> None:
    work, lines = begin(provider, ["yes"])
    await until(lambda: len(lines) > 100_000)

    await ended(work)

    await until(lambda: machine.processes() == [])


async def test_a_command_of_a_worker_that_is_cut_off_is_ended_in_its_container(
    provider: GcpProvider, machine: SshServer
) -> None:
    work, lines = begin(provider, FOREVER)
    await until(lambda: lines == ["begun"])

    machine.cut()

    with pytest.raises(ProviderFailed, match="the connection to the environment broke off"):
        await asyncio.wait_for(work, PATIENCE)
    await until(lambda: machine.processes() == [])


async def test_a_machine_that_is_stopped_under_a_command_breaks_it_off(
    provider: GcpProvider, machine: SshServer, wanted: Plan
) -> None:
    work, lines = begin(provider, FOREVER)
    await until(lambda: lines == ["begun"])

    await provider.stop(wanted.environment_id, wanted.region, Told())

    with pytest.raises(ProviderFailed, match="the connection to the environment broke off"):
        await asyncio.wait_for(work, PATIENCE)


async def test_a_command_can_be_broken_off_before_it_has_begun(
    provider: GcpProvider, cloud: Gcp, machine: SshServer
) -> None:
    for step in (LOOK, SET):
        cloud.faults.plan(step, Kind.LATE)
        work, _ = begin(provider, FOREVER)
        await until(lambda step=step: step in cloud.faults.arrived)  # type: ignore[misc]
        await ended(work)

    await until(lambda: machine.processes() == [])
    assert (await run(provider, "echo", "hello")) == (0, ["hello"])


async def test_a_worker_without_commands_does_not_load_the_library() -> None:
    program = "import sys, workers.environments.gcp; print([name for name in sys.modules if 'asyncssh' in name])"

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout == "[]\n"
