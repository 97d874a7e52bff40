"""An Azure on loopback, and our provider of it in a hurry."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from tests.clouds.azure.cloud import ACCOUNT_KEY, Cloud
from tests.clouds.azure.server import AzureStandIn
from workers.environments.azure.provider import AzureProvider
from workers.environments.azure.settings import Pace, read_settings
from workers.environments.provider import Plan

ENVIRONMENT_ID: Final = "env-abcdef012345"
GROUP: Final = ENVIRONMENT_ID
SHARE: Final = f"workspace-{ENVIRONMENT_ID}"
REGION: Final = "eastus"

# Nothing is slow on loopback but a busy machine: only what is never answered runs into the time of a request.
HURRIED: Final = Pace(
    look_seconds=0.005,
    log_seconds=0.005,
    tries=4,
    backoff_seconds=0.001,
    retry_after_seconds=0.01,
    request_seconds=1.0,
    operation_seconds=20.0,
)

SECRETS: Final = {
    "GITHUB_TOKEN": "ghp_secret-of-the-user",
    "CODE_SERVER_PASSWORD": "password-of-the-editor",
    "ENVIRONMENT_TOKEN": "token-of-the-environment",
}
# What must never be seen outside of the one request that hands it over.
HIDDEN: Final = (*SECRETS.values(), ACCOUNT_KEY)

PLAN: Final = Plan(
    environment_id=ENVIRONMENT_ID,
    user_id="user-123",
    name="My Dev Environment",
    region=REGION,
    image="vaibhavsing/dev8-workspace:latest",
    cpu_cores=2,
    memory_gb=4,
    storage_gb=20,
    ports={"web": 3000},
    startup_script="",
    secrets=SECRETS,
    variables={"ENVIRONMENT_ID": ENVIRONMENT_ID, "AGENT_URL": "https://agent.example"},
)


@dataclass
class Said:
    """What a provider said of its steps, or an environment printed."""

    names: list[str] = field(default_factory=list)
    fractions: list[float] = field(default_factory=list)

    def __call__(self, name: str, fraction: float = 0.0) -> None:
        self.names.append(name)
        self.fractions.append(fraction)


OpenProvider = Callable[[Pace], AzureProvider]


@pytest.fixture
async def azure() -> AsyncIterator[AzureStandIn]:
    async with AzureStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def cloud(azure: AzureStandIn) -> Cloud:
    return azure.cloud


@pytest.fixture
async def open_provider(azure: AzureStandIn) -> AsyncIterator[OpenProvider]:
    """Opens providers, as workers that follow one another do."""
    opened: list[AzureProvider] = []

    def open_one(pace: Pace) -> AzureProvider:
        opened.append(AzureProvider(replace(read_settings(azure.environment()), pace=pace)))
        return opened[-1]

    yield open_one
    for provider in opened:
        await provider.close()


@pytest.fixture
def provider(open_provider: OpenProvider) -> AzureProvider:
    return open_provider(HURRIED)
