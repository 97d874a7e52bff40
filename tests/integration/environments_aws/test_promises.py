"""What every provider promises, kept by that of AWS."""

import logging
from collections.abc import Sequence

import pytest
import structlog

from tests.clouds import promises
from tests.clouds.aws.front import Aws
from tests.clouds.aws.machines import REGION
from tests.clouds.fault import Kind
from workers.environments.aws import AwsProvider
from workers.environments.provider import Plan

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_environment_is_made_stopped_started_and_removed(
    provider: AwsProvider, cloud: Aws, wanted: Plan
) -> None:
    await promises.lives(provider, cloud, wanted)


async def test_every_operation_can_be_done_twice(provider: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    await promises.every_operation_can_be_done_twice(provider, cloud, wanted)


async def test_nothing_is_there_of_what_was_never_made(provider: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    await promises.nothing_is_there_of_what_was_never_made(provider, cloud, wanted)


# The others that pass mean the same to the SDK.
@pytest.mark.parametrize("kind", [Kind.BUSY, Kind.CUT])
async def test_a_fault_that_passes_is_overcome(provider: AwsProvider, cloud: Aws, wanted: Plan, kind: Kind) -> None:
    await promises.a_fault_that_passes_is_overcome(provider, cloud, wanted, kind)


async def test_a_fault_that_stays_leaves_nothing(provider: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    await promises.a_fault_that_stays_leaves_nothing(provider, cloud, wanted, Kind.ERROR)


async def test_a_delete_that_failed_is_done_again(provider: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    await promises.a_delete_that_failed_is_done_again(provider, cloud, wanted)


async def test_a_create_can_be_broken_off_anywhere(provider: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    await promises.a_create_can_be_broken_off_anywhere(provider, cloud, wanted)


async def test_a_delete_follows_a_create_that_was_broken_off(provider: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    await promises.a_delete_follows_a_create_that_was_broken_off(provider, cloud, wanted)


async def test_secrets_reach_the_process_and_nothing_else(
    provider: AwsProvider, cloud: Aws, wanted: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with structlog.testing.capture_logs() as lines:
        await promises.secrets_reach_the_process_and_nothing_else(provider, cloud, wanted, _texts(lines))
    assert not [secret for secret in promises.SECRETS.values() if secret in caplog.text]


async def test_all_environments_are_found_by_one_call_a_page(provider: AwsProvider, cloud: Aws) -> None:
    await promises.many_are_found(provider, cloud, REGION, 12)

    # Ten services are described at a time.
    assert sorted(cloud.faults.steps()) == [
        "ecs:DescribeServices",
        "ecs:DescribeServices",
        "ecs:ListServices",
        "efs:DescribeAccessPoints",
        "secretsmanager:ListSecrets",
    ]


def _texts(lines: Sequence[object]) -> Sequence[str]:
    return [str(line) for line in lines]
