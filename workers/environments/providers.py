"""The providers of a worker: each made when it is first asked for, and closed at the worker's end.

Nothing of a provider is loaded before: the SDK of a cloud takes more memory than all the rest of a worker.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeAlias

import structlog

from workers.environments.provider import Provider, ProviderFailed

# By name, "module:function" of a `Make`.
PROVIDERS: Final[Mapping[str, str]] = {
    "azure": "workers.environments.azure:make",
    "aws": "workers.environments.aws:make",
    "gcp": "workers.environments.gcp:make",
    "local": "workers.environments.local.provider:make",
}

log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a provider is made of: the variables with its settings, and what this worker knows of its machine."""

    variables: Mapping[str, str] = field(repr=False)
    data_dir: Path
    work_dir: Path
    ide_command: Sequence[str]  # of local environments; empty: JupyterLab
    up_pid: int | None  # `switchyard up` with which local environments end


# Makes a provider. Raises ProviderFailed with a sentence that says what is not configured.
Make: TypeAlias = Callable[[Surroundings], Provider]


class Providers:
    """The providers, by name. Used as a context: at its end they are closed."""

    def __init__(self, surroundings: Surroundings, makers: Mapping[str, str] = PROVIDERS) -> None:
        self._surroundings = surroundings
        self._makers = makers
        self._made: dict[str, Provider] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for name, provider in self._made.items():
            try:
                await provider.close()
            except Exception:  # the others are to be closed too, and the worker ends anyway
                log.exception("a provider could not be closed", provider=name)

    def of(self, name: str) -> Provider:
        """Return the provider of that name.

        Raises:
            ProviderFailed: it is not configured here.
        """
        if name not in self._made:
            if name not in self._makers:
                raise ProviderFailed(f"this worker knows no provider named {name!r:.50}", kind="ProviderRefused")
            module, _, function = self._makers[name].partition(":")
            make: Make = getattr(importlib.import_module(module), function)
            self._made[name] = make(self._surroundings)
        return self._made[name]
