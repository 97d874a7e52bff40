"""Where environments are made and as whom, from the variables of a worker."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from azure.identity.aio import ClientSecretCredential, DefaultAzureCredential

from tests.clouds.azure.cloud import ACCOUNT_KEY, Cloud
from tests.clouds.azure.server import AzureStandIn
from tests.integration.environments_azure.conftest import GROUP, HURRIED, PLAN, SHARE, Said
from workers.environments.azure import make
from workers.environments.azure.clients import credential
from workers.environments.azure.provider import AzureProvider
from workers.environments.azure.settings import read_settings
from workers.environments.provider import ProviderFailed
from workers.environments.providers import Surroundings

ROOT = Path(__file__).parents[3]
NEEDED = {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "g", "AZURE_STORAGE_ACCOUNT": "acc"}


@pytest.mark.parametrize("missing", NEEDED)
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ProviderFailed, match=f"{missing} is not set"):
        read_settings({**NEEDED, missing: " "})


@pytest.mark.parametrize("url", ["http://management.example", "ftp://127.0.0.1", "https://", "management.example"])
def test_an_address_elsewhere_must_be_encrypted(url: str) -> None:
    with pytest.raises(ProviderFailed, match="AZURE_ARM_URL is no https address"):
        read_settings({**NEEDED, "AZURE_ARM_URL": url})


def test_the_public_cloud_is_where_nothing_else_is_said() -> None:
    settings = read_settings(NEEDED)

    assert settings.arm_url == "https://management.azure.com"
    assert settings.shares_url == "https://acc.file.core.windows.net"


async def test_an_application_is_who_we_are_when_it_is_named_and_else_this_machine_is() -> None:
    application = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"}

    named, machine = credential(read_settings({**NEEDED, **application})), credential(read_settings(NEEDED))

    assert isinstance(named, ClientSecretCredential)
    assert isinstance(machine, DefaultAzureCredential)
    await named.close()
    await machine.close()


async def test_a_key_that_is_given_is_not_asked_for(azure: AzureStandIn, cloud: Cloud) -> None:
    settings = read_settings({**azure.environment(), "AZURE_STORAGE_KEY": ACCOUNT_KEY})
    provider = AzureProvider(replace(settings, pace=HURRIED))

    await provider.create(PLAN, Said())
    await provider.close()

    assert cloud.faults.taken["list-keys"] == 0


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.clouds.azure", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.terminate()


async def test_a_worker_makes_environments_at_a_stand_in_that_is_a_process_of_its_own(
    process: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert process.stdout is not None
    port = int(process.stdout.readline().rpartition(":")[2])
    stand_in = AzureStandIn(port=port)
    provider = make(Surroundings(stand_in.environment(), tmp_path, tmp_path, (), None))
    async with aiohttp.ClientSession(stand_in.url) as session:
        await session.post("/stand-in/faults", json={"step": "put-group", "kind": "unavailable"})

        await provider.create(PLAN, Said())
        await provider.close()

        state = await (await session.get("/stand-in/state")).json()
        steps = [seen["step"] for seen in await (await session.get("/stand-in/requests")).json()]
    assert state == {"groups": {GROUP: "Succeeded, Running"}, "shares": [SHARE]}
    # The first was answered with the fault.
    assert steps.count("put-group") == 2
