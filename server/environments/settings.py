"""What environments are made of and limited by unless somebody says otherwise. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from switchyard.environments.v1.quota_service_pb2 import Amounts

# Who makes environments while no cloud is configured.
LOCAL: Final = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSettings:
    """`clouds` are those that are configured ("azure"), `regions` pairs of a cloud and a region that we do not know.

    Minutes are 0 for never. `agent_url` is where supervisors reach the environments API.
    """

    image: str
    auto_stop_minutes: int
    max_run_minutes: int
    reconcile_seconds: float
    clouds: Collection[str]
    regions: Collection[tuple[str, str]]
    quota: Amounts
    agent_url: str

    @property
    def providers(self) -> Sequence[str]:
        """Who makes environments here."""
        return sorted(self.clouds) or [LOCAL]
