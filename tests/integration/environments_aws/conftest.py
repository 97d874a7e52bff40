"""One AWS on loopback for each module, made new for each test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.clouds.aws.front import Aws, aws
from tests.clouds.aws.machines import REGION
from tests.clouds.promises import plan
from workers.environments.aws import AwsProvider, read_settings
from workers.environments.provider import Plan
from workers.environments.retrying import Pauses

QUICK = Pauses(tries=(0.0, 0.01, 0.02), longest=0.05, look=0.002, patience=20.0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account() -> AsyncIterator[Aws]:
    async with aws() as cloud:
        yield cloud


@pytest_asyncio.fixture(loop_scope="module")
async def cloud(account: Aws) -> Aws:
    await account.reset()
    return account


@pytest_asyncio.fixture(loop_scope="module")
async def provider(cloud: Aws) -> AsyncIterator[AwsProvider]:
    made = AwsProvider(read_settings(cloud.variables), QUICK, answer_seconds=2.0)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def wanted() -> Plan:
    return plan(REGION)
