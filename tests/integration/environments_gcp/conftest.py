"""One Google Cloud on loopback for each module, made new for each test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.clouds.gcp.server import Gcp, gcp
from tests.clouds.promises import plan
from tests.patience import PATIENCE
from workers.environments.gcp import GcpProvider, read_settings
from workers.environments.gcp.settings import Waits
from workers.environments.provider import Plan
from workers.environments.retrying import Pauses

QUICK = Pauses(tries=(0.0, 0.01, 0.02), longest=0.05, look=0.002, patience=20.0)
REGION = "europe-west3"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def project() -> AsyncIterator[Gcp]:
    async with gcp() as cloud:
        yield cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(project: Gcp) -> AsyncIterator[GcpProvider]:
    made = GcpProvider(read_settings(project.variables), QUICK, answer_seconds=0.7)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def impatient(project: Gcp) -> AsyncIterator[GcpProvider]:
    waits = Waits(answer=0.5, host_keys=0.1, key=0.2, end=PATIENCE)
    made = GcpProvider(read_settings(project.variables), QUICK, waits)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def cloud(project: Gcp) -> Gcp:
    await project.reset()
    return project


@pytest_asyncio.fixture(loop_scope="module")
async def wanted() -> Plan:
    return plan(REGION)
