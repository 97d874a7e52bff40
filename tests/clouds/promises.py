"""What every provider promises, said once as functions over a provider and the cloud that it talks to.

Each leaves nothing behind, and says so: it ends with the environment removed, and the cloud empty.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import pytest

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from tests.clouds.fault import PASSING, Faults, Kind
from workers.environments.provider import ENVIRONMENT_TAG, IDE_PORT, Made, Plan, Provider, ProviderFailed

SECRETS: Final = {
    "CODE_SERVER_PASSWORD": "s3cret-pass'word $x",
    "GITHUB_TOKEN": "ghp_never_to_be_seen",
    "SSH_PUBLIC_KEY": "ssh-ed25519 AAAAkey-of-somebody",
}
VARIABLES: Final = {"ENVIRONMENT_ID": "env-1", "AGENT_URL": "https://switchyard.example:8080"}


class Cloud(Protocol):
    """What the tests see of a stand-in."""

    @property
    def faults(self) -> Faults:
        """What has been asked for, and what is to go wrong."""

    async def left(self) -> Sequence[str]:
        """Return all that is there of any environment, in any words."""

    async def processes(self, environment_id: str) -> Sequence[Mapping[str, str]]:
        """Return the variables of each process of an environment that runs."""

    async def files(self, environment_id: str) -> Collection[str]:
        """Return the files of an environment, one of which is written when it runs for the first time."""

    def changes(self, step: str) -> bool:
        """Tell whether requests of that step change anything."""

    async def plain(self) -> str:
        """Return all that can be read there without the right to read secrets."""


@dataclass(slots=True)
class Told:
    """The steps that were told, and how far they were."""

    steps: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, name: str, fraction: float) -> None:
        self.steps.append((name, fraction))


def plan(region: str, environment_id: str = "env-1") -> Plan:
    """Return what an environment is to be."""
    return Plan(
        environment_id=environment_id,
        user_id="ann",
        name="Ann's work",
        region=region,
        image="vaibhavsing/dev8-workspace:latest",
        cpu_cores=2,
        memory_gb=4,
        storage_gb=20,
        ports={"ide": 8443, "ssh": 2222, "web": 3000},
        startup_script="echo it\\'s on",
        secrets=SECRETS,
        variables=VARIABLES,
    )


async def lives(provider: Provider, cloud: Cloud, wanted: Plan) -> None:
    """Create, stop, start and delete do what they say, and the files stay as long as the environment."""
    environment_id, region = wanted.environment_id, wanted.region
    told = Told()

    made = await provider.create(wanted, told)
    assert _is_complete(made)
    assert told.steps
    assert [fraction for _, fraction in told.steps] == sorted(fraction for _, fraction in told.steps)
    assert await standing(provider, wanted) == FoundEnvironment.STANDING_RUNNING
    assert len(await cloud.processes(environment_id)) == 1

    await provider.stop(environment_id, region, Told())
    assert await standing(provider, wanted) == FoundEnvironment.STANDING_STOPPED
    assert await cloud.processes(environment_id) == []
    assert await cloud.files(environment_id)

    assert _is_complete(await provider.start(wanted, Told()))
    assert await standing(provider, wanted) == FoundEnvironment.STANDING_RUNNING
    assert len(await cloud.processes(environment_id)) == 1

    await _is_removed(provider, cloud, wanted)
    assert await provider.describe(environment_id, region) is None
    assert await found_ids(provider) == []


async def every_operation_can_be_done_twice(provider: Provider, cloud: Cloud, wanted: Plan) -> None:
    """What is so already is no error, and is not made a second time."""
    environment_id, region = wanted.environment_id, wanted.region
    first = await provider.create(wanted, Told())
    there = sorted(await cloud.left())

    assert await provider.create(wanted, Told()) == first
    assert sorted(await cloud.left()) == there
    assert len(await cloud.processes(environment_id)) == 1
    await provider.stop(environment_id, region, Told())
    await provider.stop(environment_id, region, Told())
    await provider.start(wanted, Told())
    await provider.start(wanted, Told())
    assert len(await cloud.processes(environment_id)) == 1
    await _is_removed(provider, cloud, wanted)
    await _is_removed(provider, cloud, wanted)


async def nothing_is_there_of_what_was_never_made(provider: Provider, cloud: Cloud, wanted: Plan) -> None:
    """Stop and delete find nothing to do, and describe says so."""
    await provider.stop(wanted.environment_id, wanted.region, Told())
    assert await provider.describe(wanted.environment_id, wanted.region) is None
    await _is_removed(provider, cloud, wanted)


async def a_fault_that_passes_is_overcome(provider: Provider, cloud: Cloud, wanted: Plan, kind: Kind) -> None:
    """The first request of each step of a whole life goes wrong, and the life is as it would have been."""
    # What never comes is waited for, which takes long; what only looks is no different from what changes there.
    cloud.faults.plan_once_each(kind, cloud.changes if kind is Kind.SILENT else None)

    await lives(provider, cloud, wanted)

    assert sum(map(cloud.changes, cloud.faults.met())) > 3


async def a_fault_that_stays_leaves_nothing(provider: Provider, cloud: Cloud, wanted: Plan, kind: Kind) -> None:
    """Whichever change of a create goes wrong for good: it fails in plain words, and a clean up removes all.

    A worker's log gets the cause, so no secret is in there, even where the cloud quotes what was sent to it.
    """
    for step in await _changes_of_create(provider, cloud, wanted):
        cloud.faults.plan(step, kind, times=1000)
        with pytest.raises(ProviderFailed) as failure:
            await provider.create(wanted, Told())
        cloud.faults.clear()
        _says_nothing_of_the_cloud(failure.value, kind)
        _has_no_secret(failure.value)

        await _is_removed(provider, cloud, wanted)


async def a_delete_that_failed_is_done_again(provider: Provider, cloud: Cloud, wanted: Plan) -> None:
    """A delete fails at each of its changes in turn, is found until nothing is left, and the next one goes on."""
    await provider.create(wanted, Told())
    cloud.faults.clear()
    await _is_removed(provider, cloud, wanted)
    changes = [step for step in dict.fromkeys(cloud.faults.steps()) if cloud.changes(step)]
    await provider.create(wanted, Told())

    for step in changes:
        cloud.faults.plan(step, Kind.ERROR, times=1000)
        with pytest.raises(ProviderFailed) as failure:
            await provider.delete(wanted.environment_id, wanted.region, Told())
        cloud.faults.clear()
        assert failure.value.retryable
        assert await found_ids(provider) == [wanted.environment_id]

    await _is_removed(provider, cloud, wanted)


async def a_create_can_be_broken_off_anywhere(provider: Provider, cloud: Cloud, wanted: Plan) -> None:
    """Broken off at any of its changes, it is done again by name, and what it made is made once."""
    await provider.create(wanted, Told())
    whole = sorted(_kinds(await cloud.left()))
    await _is_removed(provider, cloud, wanted)

    for step in await _changes_of_create(provider, cloud, wanted):
        await _broken_off(provider, cloud, wanted, step)
        await provider.create(wanted, Told())
        assert sorted(_kinds(await cloud.left())) == whole
        await _is_removed(provider, cloud, wanted)


async def a_delete_follows_a_create_that_was_broken_off(provider: Provider, cloud: Cloud, wanted: Plan) -> None:
    """The same, with a delete behind it: nothing that was on its way comes to be after it."""
    for step in await _changes_of_create(provider, cloud, wanted):
        await _broken_off(provider, cloud, wanted, step)
        await _is_removed(provider, cloud, wanted)


async def secrets_reach_the_process_and_nothing_else(
    provider: Provider, cloud: Cloud, wanted: Plan, log: Sequence[str]
) -> None:
    """They are variables of the process, and in no address, plain field or line of a log; `log` is read last."""
    await provider.create(wanted, Told())

    (process,) = await cloud.processes(wanted.environment_id)
    assert {name: process.get(name) for name in SECRETS} == SECRETS
    assert {name: process.get(name) for name in VARIABLES} == VARIABLES
    plain = await cloud.plain()
    urls = " ".join(request.url for request in cloud.faults.requests)
    for secret in SECRETS.values():
        assert secret not in plain
        assert secret not in urls
    await provider.stop(wanted.environment_id, wanted.region, Told())

    changed = replace(wanted, secrets={**SECRETS, "CODE_SERVER_PASSWORD": "another"})
    await provider.start(changed, Told())
    (process,) = await cloud.processes(wanted.environment_id)
    assert process["CODE_SERVER_PASSWORD"] == "another"
    await _is_removed(provider, cloud, wanted)
    assert not [line for line in log for secret in SECRETS.values() if secret in line]


async def many_are_found(provider: Provider, cloud: Cloud, region: str, number: int) -> None:
    """All that are there are found, each once, with how they fare."""
    plans = [plan(region, f"env-{position}") for position in range(number)]
    for wanted in plans:
        await provider.create(wanted, Told())
    await provider.stop(plans[0].environment_id, region, Told())
    cloud.faults.clear()

    found = [environment async for page in provider.found() for environment in page]

    assert sorted(e.environment_id for e in found) == sorted(p.environment_id for p in plans)
    fares = {e.environment_id: e.standing for e in found}
    assert fares.pop(plans[0].environment_id) == FoundEnvironment.STANDING_STOPPED
    assert set(fares.values()) == {FoundEnvironment.STANDING_RUNNING}
    assert all(e.resources and e.detail for e in found)


async def standing(provider: Provider, wanted: Plan) -> "FoundEnvironment.Standing.ValueType":
    """Return how an environment fares, by describe and by the list alike."""
    described = await provider.describe(wanted.environment_id, wanted.region)
    assert described is not None
    listed = [e async for page in provider.found() for e in page if e.environment_id == wanted.environment_id]
    assert listed == [described]
    return described.standing


async def found_ids(provider: Provider) -> list[str]:
    """Return the ids of all environments that are found."""
    return [environment.environment_id async for page in provider.found() for environment in page]


@asynccontextmanager
async def closed_at_the_end(provider: Provider) -> AsyncIterator[Provider]:
    """Close a provider when a test is through with it."""
    try:
        yield provider
    finally:
        await provider.close()


async def _broken_off(provider: Provider, cloud: Cloud, wanted: Plan, step: str) -> None:
    """Create, and break it off when the first request of that step has come in, and is yet to be carried out."""
    cloud.faults.clear()
    cloud.faults.plan(step, Kind.LATE)
    creating = asyncio.create_task(provider.create(wanted, Told()))
    while step not in cloud.faults.arrived:
        await asyncio.sleep(0.001)
    creating.cancel()
    await asyncio.wait([creating])


async def _changes_of_create(provider: Provider, cloud: Cloud, wanted: Plan) -> list[str]:
    cloud.faults.clear()
    await provider.create(wanted, Told())
    steps = cloud.faults.steps()
    await _is_removed(provider, cloud, wanted)
    cloud.faults.clear()
    return [step for step in dict.fromkeys(steps) if cloud.changes(step)]


async def _is_removed(provider: Provider, cloud: Cloud, wanted: Plan) -> None:
    await provider.delete(wanted.environment_id, wanted.region, Told())
    while cloud.faults.in_flight:
        await asyncio.sleep(0.001)
    assert await cloud.left() == []


def _has_no_secret(failure: ProviderFailed) -> None:
    told = f"{failure!r} {failure.__cause__!r}"
    assert not [secret for secret in SECRETS.values() if secret in told]


def _is_complete(made: Made) -> bool:
    first = made.ports[0]
    named = {port.name: port.port for port in made.ports}
    return (
        bool(made.resource_id and made.storage_name and made.public_ip)
        and made.ide_url == first.url == f"https://{made.public_ip}:{IDE_PORT}"
        and named == {"ide": 8443, "ssh": 2222, "web": 3000}
    )


def _says_nothing_of_the_cloud(failure: ProviderFailed, kind: Kind) -> None:
    kinds = {Kind.QUOTA: "ProviderQuota", Kind.REFUSED: "ProviderRefused"}
    assert failure.kind == kinds.get(kind, "ProviderBusy")
    assert failure.retryable == (kind in PASSING)
    assert ENVIRONMENT_TAG not in str(failure)
    assert "Exception" not in str(failure)
    assert "no: " not in str(failure)


def _kinds(resources: Sequence[str]) -> list[str]:
    """Return resources without the random parts of their names."""
    return [re.sub(r"[0-9a-f-]{6,}|:\d+$", "*", resource) for resource in resources]
