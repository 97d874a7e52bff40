"""What is special about environments at Google Cloud."""

import asyncio
from dataclasses import replace

import pytest

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from tests.clouds.gcp.machines import Versions
from tests.clouds.gcp.server import Gcp
from tests.clouds.promises import SECRETS, Told
from tests.patience import PATIENCE
from workers.environments.gcp import GcpProvider
from workers.environments.provider import NotThere, Plan, ProviderFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")
MACHINE = ("europe-west3-b", "env-1")


# Source: https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-resource-availability
@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("QUOTA_EXCEEDED", "ProviderQuota", False),
        ("ZONE_RESOURCE_POOL_EXHAUSTED", "ProviderBusy", True),
        ("RESOURCE_NOT_READY", "ProviderFailed", True),
        ("INVALID_USAGE", "ProviderFailed", False),
    ],
)
async def test_an_operation_that_fails_late_is_told_by_its_kind(
    provider: GcpProvider, cloud: Gcp, wanted: Plan, code: str, kind: str, retryable: bool
) -> None:
    cloud.project.failures = [code]

    with pytest.raises(ProviderFailed) as failure:
        await provider.create(wanted, Told())

    assert (failure.value.kind, failure.value.retryable) == (kind, retryable)
    assert code not in str(failure.value)
    assert code in str(failure.value.__cause__)
    await provider.delete(wanted.environment_id, wanted.region, Told())
    assert await cloud.left() == []


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ("failed-image", "the image of the environment could not be fetched"),
        ("failed-disk", "the disk of the environment could not be used"),
        ("failed-secret", "the secrets of the environment could not be read; may its service account do so?"),
        ("failed-container", "the environment does not start at Google Cloud"),
    ],
)
async def test_what_a_machine_says_of_its_failure_is_told(
    provider: GcpProvider, cloud: Gcp, wanted: Plan, says: str, sentence: str
) -> None:
    cloud.project.says = says

    with pytest.raises(ProviderFailed, match=f"^{sentence.replace('?', '.')}$"):
        await provider.create(wanted, Told())


async def test_what_a_machine_said_before_it_was_started_again_does_not_count(
    provider: GcpProvider, cloud: Gcp, wanted: Plan
) -> None:
    await provider.create(wanted, Told())
    cloud.project.said[MACHINE] = "ready 2020-01-01T00:00:00Z"

    again = asyncio.create_task(provider.create(wanted, Told()))
    async with asyncio.timeout(PATIENCE):
        while cloud.faults.steps()[-20:].count("GET instances/{name}/getGuestAttributes") < 3:
            await asyncio.sleep(0.01)
    assert not again.done()
    cloud.project.said[MACHINE] = "ready 2100-01-01T00:00:00Z"

    assert (await again).public_ip


async def test_a_machine_of_before_with_another_plan_is_made_anew_and_the_files_stay(
    provider: GcpProvider, cloud: Gcp, wanted: Plan
) -> None:
    await provider.create(wanted, Told())
    await provider.stop(wanted.environment_id, wanted.region, Told())
    files = await cloud.files(wanted.environment_id)

    await provider.start(replace(wanted, cpu_cores=4, memory_gb=16), Told())

    assert cloud.project.machines[MACHINE]["machineType"].endswith("e2-custom-4-16384")
    assert "DELETE disks/{name}" not in cloud.faults.steps()
    assert await cloud.files(wanted.environment_id) == files


async def test_a_machine_that_only_stopped_is_started_as_it_is(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    await provider.create(wanted, Told())
    await provider.stop(wanted.environment_id, wanted.region, Told())

    await provider.start(wanted, Told())

    assert "POST instances/{name}/start" in cloud.faults.steps()
    assert "DELETE instances/{name}" not in cloud.faults.steps()


async def test_what_is_found_tells_its_region(provider: GcpProvider, wanted: Plan) -> None:
    await provider.create(wanted, Told())

    found = [one async for page in provider.found() for one in page]

    assert [(one.environment_id, one.region) for one in found] == [(wanted.environment_id, wanted.region)]


async def test_only_the_newest_version_of_a_secret_can_be_read(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    await provider.create(wanted, Told())
    await provider.create(wanted, Told())

    first, second = cloud.project.secrets["switchyard-env-1"].texts.values()
    assert first is None
    assert second is not None
    assert SECRETS["GITHUB_TOKEN"] in second


async def test_the_last_lines_are_read_and_then_those_that_come(
    provider: GcpProvider, cloud: Gcp, wanted: Plan
) -> None:
    await provider.create(wanted, Told())
    cloud.project.printed[MACHINE] = "one\r\ntwo\r\nthree\r\nha"
    lines: list[str] = []
    following = asyncio.create_task(
        provider.logs(wanted.environment_id, wanted.region, lines.append, tail=2, follow=True)
    )
    async with asyncio.timeout(PATIENCE):
        while len(lines) < 2:
            await asyncio.sleep(0.01)
        cloud.project.printed[MACHINE] += "lf\r\nfive\r\n"
        while len(lines) < 4:
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.wait([following])

    assert lines == ["two", "three", "half", "five"]


async def test_logs_without_following_end_with_what_has_no_end_yet(
    provider: GcpProvider, cloud: Gcp, wanted: Plan
) -> None:
    await provider.create(wanted, Told())
    cloud.project.printed[MACHINE] = "one\r\ntwo\r\nha"
    lines: list[str] = []

    await provider.logs(wanted.environment_id, wanted.region, lines.append, tail=2, follow=False)

    assert lines == ["two", "ha"]


async def test_what_has_no_machine_has_no_logs(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    with pytest.raises(NotThere):
        await provider.logs(wanted.environment_id, wanted.region, print, tail=2, follow=False)


async def test_a_thousand_environments_are_found_by_one_call_a_page(provider: GcpProvider, cloud: Gcp) -> None:
    for number in range(1000):
        label = {"switchyard-environment": f"e{number:04}"}
        cloud.project.disks["z-b", f"workspace-e{number:04}"] = {
            "name": f"workspace-e{number:04}",
            "labels": label,
            "status": "READY",
        }
    # The boot disk of a machine has the label too, and is no storage.
    cloud.project.disks["z-b", "e0000"] = {"name": "e0000", "labels": {"switchyard-environment": "e0000"}}
    cloud.project.secrets["switchyard-lonely"] = Versions({"switchyard-environment": "lonely"})

    pages = [page async for page in provider.found()]

    found = [environment for page in pages for environment in page]
    assert [e.environment_id for e in found] == [*(f"e{number:04}" for number in range(1000)), "lonely"]
    assert {e.standing for e in found} == {FoundEnvironment.STANDING_STOPPED}
    steps = cloud.faults.steps()
    assert (steps.count("GET aggregated/disks"), steps.count("GET aggregated/instances"), len(steps)) == (3, 1, 5)
