"""What a provider does for environments: a small protocol, whose operations can be done again at any time.

An environment is known by its id alone. Whatever an earlier try has made is found under names that follow from the id,
or by the tag `switchyard-environment`, so a try that was killed half way is simply done again.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment

# Tag of everything that is made, with the id of its environment.
ENVIRONMENT_TAG: Final = "switchyard-environment"

# Where the documented image has its workspace, and storage is mounted. Others read WORKSPACE_DIR.
WORKSPACE: Final = "/home/dev8/workspace"

IDE_PORT: Final = 8443
SSH_PORT: Final = 2222


@dataclass(frozen=True, slots=True)
class Plan:
    """What an environment is to be. `secrets` and `variables` are variables of its process."""

    environment_id: str
    user_id: str
    name: str
    region: str
    image: str
    cpu_cores: int
    memory_gb: int
    storage_gb: int
    ports: Mapping[str, int]
    startup_script: str
    secrets: Mapping[str, str] = field(repr=False)
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OpenPort:
    """A port that can be reached from outside; `url` is empty where no browser opens it."""

    name: str
    port: int
    url: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """An environment that runs. `ports` has that of the editor first; texts are empty where there is none."""

    resource_id: str
    ide_url: str
    ports: Sequence[OpenPort]
    public_ip: str = ""
    storage_name: str = ""


class Steps(Protocol):
    """Takes how far an operation is."""

    def __call__(self, name: str, fraction: float, /) -> None:
        """Say what is being done now ("creating the file share"), and which share of the work is done, 0 to 1."""


class Output(Protocol):
    """Takes what an environment prints."""

    def __call__(self, line: str, /) -> None:
        """Take one line, without its end."""


class ProviderFailed(Exception):
    """It could not be done. The message is a sentence for callers, without anything the provider said."""

    def __init__(self, message: str, *, kind: str = "ProviderFailed", retryable: bool = False) -> None:
        super().__init__(message)
        # Short name a program can act on: ProviderFailed, ProviderQuota, ProviderBusy, ProviderRefused.
        self.kind = kind
        # Whether the same may work in a while.
        self.retryable = retryable


class NotThere(ProviderFailed):
    """Nothing of that environment is there, or what is there does not run."""


class Provider(Protocol):
    """One provider. Every operation may raise ProviderFailed, and may be broken off at each `await`."""

    async def create(self, plan: Plan, steps: Steps) -> Made:
        """Make what is missing and run it; also start it again. Returns once the editor can be reached."""

    async def start(self, plan: Plan, steps: Steps) -> Made:
        """Run an environment whose files are there; what is missing is made."""

    async def stop(self, environment_id: str, region: str, steps: Steps) -> None:
        """End what runs, and return when nothing does; the files stay. Nothing to end is no error."""

    async def delete(self, environment_id: str, region: str, steps: Steps) -> None:
        """Remove everything, the files too, and return when nothing is left. Nothing to remove is no error."""

    async def describe(self, environment_id: str, region: str) -> FoundEnvironment | None:
        """Return how it fares; None when nothing of it is there."""

    async def logs(self, environment_id: str, region: str, output: Output, *, tail: int, follow: bool) -> None:
        """Hand over the last `tail` lines that it has printed, and with `follow` go on until broken off.

        Raises:
            NotThere: there is nothing that could have printed anything.
        """

    async def exec(self, environment_id: str, region: str, arguments: Sequence[str], output: Output) -> int | None:
        """Run a command in it, hand over what it prints, and return its exit code if the provider tells it.

        Broken off, the command is ended where the provider allows it.

        Raises:
            NotThere: it does not run.
        """

    def found(self) -> AsyncIterator[Sequence[FoundEnvironment]]:
        """Return all environments of ours that are there, a page for each call that lists them.

        Where the list does not tell how one fares it has no standing, and is asked for by `describe` if that matters.
        """

    async def close(self) -> None:
        """Let connections go."""
