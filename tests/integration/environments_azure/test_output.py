"""Logs and commands, over Azure's own ways for them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.clouds.azure.cloud import Cloud
from tests.clouds.azure.server import AzureStandIn
from tests.integration.environments_azure.conftest import (
    ENVIRONMENT_ID,
    GROUP,
    HURRIED,
    PLAN,
    REGION,
    OpenProvider,
    Said,
)
from tests.patience import PATIENCE
from workers.environments.azure.provider import AzureProvider
from workers.environments.provider import NotThere, ProviderFailed


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def running(provider: AzureProvider) -> AzureProvider:
    await provider.create(PLAN, Said())
    return provider


async def run(provider: AzureProvider, *arguments: str) -> tuple[int | None, list[str]]:
    output = Said()
    return await provider.exec(ENVIRONMENT_ID, REGION, arguments, output), output.names


async def test_logs_are_the_last_lines_that_were_printed(running: AzureProvider, cloud: Cloud) -> None:
    for number in range(20):
        cloud.groups[GROUP].print(f"line {number}")
    output, nothing = Said(), Said()

    await running.logs(ENVIRONMENT_ID, REGION, output, tail=3, follow=False)
    await running.logs(ENVIRONMENT_ID, REGION, nothing, tail=0, follow=False)

    assert output.names == ["line 17", "line 18", "line 19"]
    assert nothing.names == []


async def test_a_follower_gets_every_line_once_also_equal_ones_and_many_at_a_time(
    running: AzureProvider, cloud: Cloud
) -> None:
    group, output = cloud.groups[GROUP], Said()
    following = asyncio.ensure_future(running.logs(ENVIRONMENT_ID, REGION, output, tail=1, follow=True))
    await until(lambda: output.names == ["started for the 1. time"])

    for _ in range(3):
        group.print("the same")
    await until(lambda: len(output.names) == 4)
    # More than one look asks for.
    for number in range(2_500):
        group.print(f"line {number}")
    await until(lambda: len(output.names) >= 2_504)
    following.cancel()

    assert output.names[1:] == ["the same"] * 3 + [f"line {number}" for number in range(2_500)]


async def test_following_ends_when_the_environment_is_gone(running: AzureProvider, cloud: Cloud) -> None:
    output = Said()
    following = asyncio.ensure_future(running.logs(ENVIRONMENT_ID, REGION, output, tail=1, follow=True))
    await until(lambda: output.names != [])

    del cloud.groups[GROUP]

    await asyncio.wait_for(following, PATIENCE)


async def test_what_is_not_there_has_no_log_and_runs_no_command(provider: AzureProvider) -> None:
    with pytest.raises(NotThere):
        await provider.logs(ENVIRONMENT_ID, REGION, Said(), tail=1, follow=False)
    with pytest.raises(NotThere):
        await run(provider, "true")


async def test_what_is_stopped_runs_no_command(running: AzureProvider) -> None:
    await running.stop(ENVIRONMENT_ID, REGION, Said())

    with pytest.raises(NotThere):
        await run(running, "true")


@pytest.mark.parametrize(
    ("arguments", "lines", "exit_code"),
    [
        (["echo", "hello"], ["hello"], 0),
        # Nothing of what is given means anything to a shell or to the terminal.
        (["printf", "%s\n", "$HOME `id` 'a' \"b\"", "\x03\x04ö\ttab"], ["$HOME `id` 'a' \"b\"", "\x03\x04ö\ttab"], 0),
        (["printf", "a\n\n\nb"], ["a", "", "", "b"], 0),
        (["printf", "a\n\n"], ["a", ""], 0),
        (["true"], [], 0),
        (["sh", "-c", "echo out; echo err >&2; exit 7"], ["out", "err"], 7),
        # More than one message of the terminal, letters of two bytes in any place.
        (["sh", "-c", "printf 'aö%.0s' $(seq 5000)"], ["aö" * 5000], 0),
        # There is nobody to type anything.
        (["cat"], [], 0),
        (["no-such-program"], None, 127),
        # Longer than a line of a terminal may be.
        (["sh", "-c", "echo ${#1}", "sh", "x" * 20_000], ["20000"], 0),
    ],
    ids=[
        "plain",
        "quoting",
        "blank lines",
        "blank end",
        "nothing",
        "exit code",
        "letters",
        "no input",
        "no program",
        "long",
    ],
)
async def test_a_command_prints_its_lines_and_tells_its_exit_code(
    arguments: list[str], lines: list[str] | None, exit_code: int, running: AzureProvider
) -> None:
    code, printed = await run(running, *arguments)

    assert code == exit_code
    if lines is not None:
        assert printed == lines


async def test_a_command_has_the_variables_of_the_environment(running: AzureProvider) -> None:
    _, printed = await run(running, "sh", "-c", "echo $ENVIRONMENT_ID")

    assert printed == [ENVIRONMENT_ID]


async def test_a_command_that_is_broken_off_is_ended(running: AzureProvider, azure: AzureStandIn) -> None:
    output = Said()
    work = asyncio.ensure_future(
        running.exec(ENVIRONMENT_ID, REGION, ["sh", "-c", "echo begun; exec sleep 600"], output)
    )
    await until(lambda: output.names == ["begun"])

    work.cancel()
    await asyncio.wait([work])

    await until(lambda: not azure.terminals.processes)


async def test_an_environment_that_ends_under_a_command_leaves_its_exit_code_untold(
    running: AzureProvider, azure: AzureStandIn
) -> None:
    output = Said()
    work = asyncio.ensure_future(
        running.exec(ENVIRONMENT_ID, REGION, ["sh", "-c", "echo begun; exec sleep 600"], output)
    )
    await until(lambda: output.names == ["begun"])

    for process in azure.terminals.processes:
        process.kill()

    assert await asyncio.wait_for(work, PATIENCE) is None


async def test_a_terminal_that_cannot_be_opened_is_told(running: AzureProvider, cloud: Cloud) -> None:
    cloud.faults.add("terminal", "cut before")

    with pytest.raises(ProviderFailed, match="opens no shell"):
        await run(running, "true")


SCRIPT = "echo prepared in $PWD\ntouch made-by-script\nexit 3\n"


async def test_the_startup_script_is_run_in_the_workspace_at_each_start_and_its_output_is_in_the_log(
    provider: AzureProvider, cloud: Cloud, azure: AzureStandIn
) -> None:
    plan = replace(PLAN, startup_script=SCRIPT)

    await provider.create(plan, Said())
    await provider.create(plan, Said())
    await provider.stop(ENVIRONMENT_ID, REGION, Said())
    await provider.start(plan, Said())

    # A terminal hands over what was printed when it closes, which nobody waits for.
    await until(lambda: not azure.terminals.processes)
    printed = [line.partition(" ")[2] for line in cloud.groups[GROUP].log]
    assert [line for line in printed if "exit code" in line] == ["startup script: exit code 3"] * 2
    assert len([line for line in printed if line.startswith("prepared in ")]) == 2


async def test_a_startup_script_that_hangs_does_not_keep_the_environment_from_being_used(
    open_provider: OpenProvider, azure: AzureStandIn
) -> None:
    provider = open_provider(replace(HURRIED, script_seconds=0.3))

    made = await provider.create(replace(PLAN, startup_script="sleep 600"), Said())

    assert made.ide_url
    await until(lambda: not azure.terminals.processes)
