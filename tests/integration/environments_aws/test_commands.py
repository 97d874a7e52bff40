"""Commands in environments at AWS, over sessions of the Session Manager."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.clouds.aws.front import Aws
from tests.clouds.aws.session_manager import SessionManager, Wrong
from tests.clouds.fault import Kind
from tests.clouds.promises import SECRETS, Told
from tests.integration.environments_aws.conftest import QUICK
from tests.patience import PATIENCE
from workers.environments.aws import AwsProvider, read_settings
from workers.environments.provider import NotThere, Plan, ProviderFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")

HANGING = ["sh", "-c", "echo begun; exec sleep 600"]


@pytest_asyncio.fixture(loop_scope="module")
async def cloud(account: Aws) -> Aws:
    """The account as the test before has left it: what takes longest is to make an environment."""
    account.faults.clear()
    account.machines.too_early = 0
    await account.machines.sessions.reset()
    return account


@pytest_asyncio.fixture(loop_scope="module")
async def sessions(cloud: Aws) -> AsyncIterator[SessionManager]:
    yield cloud.machines.sessions
    assert cloud.machines.sessions.complaints == []


@pytest_asyncio.fixture(loop_scope="module")
async def running(provider: AwsProvider, sessions: SessionManager, wanted: Plan) -> AwsProvider:
    await provider.create(wanted, Told())
    return provider


async def run(provider: AwsProvider, wanted: Plan, *arguments: str) -> tuple[int | None, list[str]]:
    lines: list[str] = []
    return await provider.exec(wanted.environment_id, wanted.region, arguments, lines.append), lines


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def begun(provider: AwsProvider, wanted: Plan) -> tuple[asyncio.Task[int | None], list[str]]:
    """Return a command that hangs, once it has printed something, and what it prints."""
    lines: list[str] = []
    work = asyncio.create_task(provider.exec(wanted.environment_id, wanted.region, HANGING, lines.append))
    await until(lambda: lines or work.done())
    return work, lines


@pytest.mark.parametrize(
    ("arguments", "lines", "exit_code"),
    [
        (["echo", "hello"], ["hello"], 0),
        # Nothing of what is given means anything to a shell or to the terminal.
        (["printf", "%s\n", "$HOME `id` 'a' \"b\"", "\x03\x04ö\ttab"], ["$HOME `id` 'a' \"b\"", "\x03\x04ö\ttab"], 0),
        (["printf", "a\n\n\nb\n\n"], ["a", "", "", "b", ""], 0),
        (["true"], [], 0),
        (["sh", "-c", "echo out; echo err >&2; exit 7"], ["out", "err"], 7),
        # Letters of two bytes at the ends of messages.
        (["sh", "-c", "printf 'aö%.0s' $(seq 5000)"], ["aö" * 5000], 0),
        # There is nobody to type anything.
        (["cat"], [], 0),
        (["no-such-program"], None, 127),
        # More than one message, and longer than a line of a terminal may be.
        (["sh", "-c", "echo ${#1}", "sh", "x" * 20_000], ["20000"], 0),
    ],
    ids=["plain", "quoting", "blank lines", "nothing", "exit code", "letters", "no input", "no program", "long"],
)
async def test_a_command_prints_its_lines_and_tells_its_exit_code(
    arguments: list[str], lines: list[str] | None, exit_code: int, running: AwsProvider, wanted: Plan
) -> None:
    code, printed = await run(running, wanted, *arguments)

    assert code == exit_code
    if lines is not None:
        assert printed == lines


async def test_a_command_runs_in_the_workspace_with_the_variables_of_the_environment(
    running: AwsProvider, wanted: Plan
) -> None:
    await run(running, wanted, "sh", "-c", "echo kept > kept.txt")

    _, printed = await run(running, wanted, "sh", "-c", "cat kept.txt; echo $ENVIRONMENT_ID; echo $GITHUB_TOKEN")

    assert printed == ["kept", "env-1", SECRETS["GITHUB_TOKEN"]]


async def test_what_is_run_is_in_no_request_to_ecs(running: AwsProvider, wanted: Plan, cloud: Aws) -> None:
    await run(running, wanted, "echo", "never-to-be-logged")

    (request,) = [request for request in cloud.faults.requests if request.step == "ecs:ExecuteCommand"]
    assert "never-to-be-logged" not in request.body


@pytest.mark.parametrize("wrong", [Wrong.DAMAGED, Wrong.NOT_READY, Wrong.PAUSED, Wrong.HANDSHAKE])
async def test_what_gets_lost_or_damaged_comes_again(
    wrong: Wrong, running: AwsProvider, wanted: Plan, sessions: SessionManager
) -> None:
    sessions.wrong = wrong

    code, printed = await run(running, wanted, "sh", "-c", "seq 200; exit 3")

    assert (code, printed) == (3, [str(number) for number in range(1, 201)])


async def test_a_command_that_is_broken_off_is_ended(
    running: AwsProvider, wanted: Plan, sessions: SessionManager
) -> None:
    work, _ = await begun(running, wanted)

    work.cancel()
    await asyncio.wait([work])

    # Nobody hangs up here: the shell ends only by what it was told.
    await until(lambda: not sessions.agents)
    assert work.cancelled()


async def test_a_connection_that_breaks_under_a_command_is_told(
    running: AwsProvider, wanted: Plan, sessions: SessionManager
) -> None:
    work, lines = await begun(running, wanted)

    sessions.cut()

    with pytest.raises(ProviderFailed, match="connection to the command was lost"):
        await asyncio.wait_for(work, PATIENCE)
    assert lines == ["begun"]


async def test_a_session_that_aws_closes_is_told_without_its_words(
    running: AwsProvider, wanted: Plan, sessions: SessionManager
) -> None:
    work, _ = await begun(running, wanted)

    await sessions.close("Your session timed out due to inactivity and has been terminated.")

    with pytest.raises(ProviderFailed, match="AWS has closed the session") as failure:
        await asyncio.wait_for(work, PATIENCE)
    assert "inactivity" in str(failure.value.__cause__)


async def test_a_shell_that_ends_under_a_command_leaves_its_exit_code_untold(
    running: AwsProvider, wanted: Plan
) -> None:
    code, printed = await run(running, wanted, "sh", "-c", "echo begun; kill -9 $PPID; sleep 600")

    assert (code, printed) == (None, ["begun"])


async def test_an_environment_that_ends_under_a_command_leaves_its_exit_code_untold(
    running: AwsProvider, wanted: Plan
) -> None:
    work, _ = await begun(running, wanted)

    await running.stop(wanted.environment_id, wanted.region, Told())

    assert await asyncio.wait_for(work, PATIENCE) is None


async def test_a_cluster_that_encrypts_commands_is_told_what_to_change(
    running: AwsProvider, wanted: Plan, sessions: SessionManager
) -> None:
    sessions.wrong = Wrong.ENCRYPTED

    with pytest.raises(ProviderFailed, match="executeCommandConfiguration has a kmsKeyId"):
        await run(running, wanted, "true")


async def test_a_container_without_a_shell_is_told(
    running: AwsProvider, wanted: Plan, sessions: SessionManager
) -> None:
    sessions.wrong = Wrong.NO_PROGRAM

    with pytest.raises(ProviderFailed, match="the environment opens no shell") as failure:
        await run(running, wanted, "true")

    assert "no such file" in str(failure.value.__cause__)


async def test_a_session_in_which_nothing_comes_is_not_waited_for(
    running: AwsProvider, cloud: Aws, wanted: Plan, sessions: SessionManager
) -> None:
    sessions.wrong = Wrong.SILENT
    hurried = AwsProvider(read_settings(cloud.variables), QUICK, begin_seconds=0.3)

    with pytest.raises(ProviderFailed, match="the environment opens no shell"):
        await run(hurried, wanted, "true")

    await hurried.close()


async def test_an_agent_that_connects_late_is_waited_for(running: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    cloud.machines.too_early = 3

    assert await run(running, wanted, "echo", "hello") == (0, ["hello"])


async def test_an_agent_that_never_connects_is_told_with_what_it_needs(
    running: AwsProvider, cloud: Aws, wanted: Plan
) -> None:
    cloud.machines.too_early = 1_000_000
    hurried = AwsProvider(read_settings(cloud.variables), replace(QUICK, patience=0.1))

    with pytest.raises(ProviderFailed, match="ENVIRONMENTS_AWS_TASK_ROLE may lack the rights of ssmmessages"):
        await run(hurried, wanted, "true")

    await hurried.close()


async def test_ecs_that_is_busy_is_asked_again(running: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    cloud.faults.plan("ecs:ExecuteCommand", Kind.BUSY)

    assert await run(running, wanted, "echo", "hello") == (0, ["hello"])


async def test_a_right_that_is_missing_is_told(running: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    cloud.faults.plan("ecs:ExecuteCommand", Kind.REFUSED)

    with pytest.raises(ProviderFailed, match="AWS refused the credentials"):
        await run(running, wanted, "true")


async def test_what_is_stopped_runs_no_command(running: AwsProvider, wanted: Plan) -> None:
    await running.stop(wanted.environment_id, wanted.region, Told())

    with pytest.raises(NotThere):
        await run(running, wanted, "true")


async def test_an_environment_of_before_takes_commands_once_it_was_started_with_a_role(
    cloud: Aws, provider: AwsProvider, wanted: Plan
) -> None:
    before = AwsProvider(read_settings({**cloud.variables, "ENVIRONMENTS_AWS_TASK_ROLE": ""}), QUICK)
    old = replace(wanted, environment_id="env-of-before")
    await before.create(old, Told())

    with pytest.raises(ProviderFailed, match="set ENVIRONMENTS_AWS_TASK_ROLE at the workers, then stop and start it"):
        await run(before, old, "true")
    with pytest.raises(ProviderFailed, match="without a role for them at AWS: stop and start it"):
        await run(provider, old, "true")
    await provider.stop(old.environment_id, old.region, Told())
    await provider.start(old, Told())

    assert await run(provider, old, "echo", "hello") == (0, ["hello"])
    await before.close()
