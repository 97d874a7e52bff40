"""What every provider promises, kept by that of Google Cloud."""

import logging
from collections.abc import Sequence

import pytest
import structlog

from tests.clouds import promises
from tests.clouds.fault import PASSING, Kind
from tests.clouds.gcp.server import Gcp
from workers.environments.gcp import GcpProvider
from workers.environments.provider import Plan

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_environment_is_made_stopped_started_and_removed(
    provider: GcpProvider, cloud: Gcp, wanted: Plan
) -> None:
    await promises.lives(provider, cloud, wanted)


async def test_every_operation_can_be_done_twice(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    await promises.every_operation_can_be_done_twice(provider, cloud, wanted)


async def test_nothing_is_there_of_what_was_never_made(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    await promises.nothing_is_there_of_what_was_never_made(provider, cloud, wanted)


@pytest.mark.parametrize("kind", PASSING)
async def test_a_fault_that_passes_is_overcome(provider: GcpProvider, cloud: Gcp, wanted: Plan, kind: Kind) -> None:
    await promises.a_fault_that_passes_is_overcome(provider, cloud, wanted, kind)


@pytest.mark.parametrize("kind", [Kind.ERROR, Kind.QUOTA, Kind.REFUSED])
async def test_a_fault_that_stays_leaves_nothing(provider: GcpProvider, cloud: Gcp, wanted: Plan, kind: Kind) -> None:
    await promises.a_fault_that_stays_leaves_nothing(provider, cloud, wanted, kind)


async def test_a_delete_that_failed_is_done_again(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    await promises.a_delete_that_failed_is_done_again(provider, cloud, wanted)


async def test_a_create_can_be_broken_off_anywhere(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    await promises.a_create_can_be_broken_off_anywhere(provider, cloud, wanted)


async def test_a_delete_follows_a_create_that_was_broken_off(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    await promises.a_delete_follows_a_create_that_was_broken_off(provider, cloud, wanted)


async def test_secrets_reach_the_process_and_nothing_else(
    provider: GcpProvider, cloud: Gcp, wanted: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with structlog.testing.capture_logs() as lines:
        await promises.secrets_reach_the_process_and_nothing_else(provider, cloud, wanted, _texts(lines))
    assert not [secret for secret in promises.SECRETS.values() if secret in caplog.text]


async def test_all_environments_are_found_by_one_call_a_page(provider: GcpProvider, cloud: Gcp, wanted: Plan) -> None:
    await promises.many_are_found(provider, cloud, wanted.region, 12)

    assert sorted(cloud.faults.steps()) == ["GET aggregated/disks", "GET aggregated/instances", "GET secrets"]


def _texts(lines: Sequence[object]) -> Sequence[str]:
    return [str(line) for line in lines]
