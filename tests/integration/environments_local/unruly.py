"""A provider that fails as an SDK would: with texts that nobody is to see."""

from collections.abc import AsyncIterator, Sequence

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from workers.environments.provider import Steps
from workers.environments.providers import Surroundings


class Unruly:
    async def stop(self, environment_id: str, region: str, steps: Steps) -> None:
        raise RuntimeError("AccountKey=verysecret was refused")

    async def found(self) -> AsyncIterator[Sequence[FoundEnvironment]]:
        yield [FoundEnvironment(environment_id=f"env-{number}") for number in range(2500)]

    async def close(self) -> None:
        raise RuntimeError("it was closed before")


def make(surroundings: Surroundings) -> Unruly:
    return Unruly()
