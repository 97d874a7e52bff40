"""What must be said about a project of Google Cloud before environments can be made there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from workers.environments.provider import ProviderFailed

NETWORK: Final = "global/networks/default"
# "default": that of Compute Engine. It needs roles/secretmanager.secretAccessor.
SERVICE_ACCOUNT: Final = "default"
# Container-Optimized OS has Docker, and little else.
MACHINE_IMAGE: Final = "projects/cos-cloud/global/images/family/cos-stable"


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of what is there before the first environment. Credentials are found by the SDK itself."""

    project: str
    zone: str = ""  # for environments of its region; those of others, and all if it is empty, are made in zone b
    network: str = NETWORK
    service_account: str = SERVICE_ACCOUNT
    machine_image: str = MACHINE_IMAGE
    endpoint: str = ""  # of all services, such as "http://127.0.0.1:8303"; over http no credential is sent

    def zone_of(self, region: str) -> str:
        """Return the zone of an environment's region. Every region has a zone b, and not all have an a."""
        return self.zone if self.zone.rpartition("-")[0] == region else f"{region}-b"


def read_settings(variables: Mapping[str, str]) -> Settings:
    """Return the settings in `variables`.

    Raises:
        ProviderFailed: the project is missing.
    """
    project = variables.get("ENVIRONMENTS_GCP_PROJECT", "").strip()
    if not project:
        sentence = "Google Cloud is not configured at this worker: ENVIRONMENTS_GCP_PROJECT is not set"
        raise ProviderFailed(sentence, kind="ProviderRefused")
    return Settings(
        project=project,
        zone=variables.get("ENVIRONMENTS_GCP_ZONE", "").strip(),
        network=variables.get("ENVIRONMENTS_GCP_NETWORK") or NETWORK,
        service_account=variables.get("ENVIRONMENTS_GCP_SERVICE_ACCOUNT") or SERVICE_ACCOUNT,
        machine_image=variables.get("ENVIRONMENTS_GCP_MACHINE_IMAGE") or MACHINE_IMAGE,
        endpoint=variables.get("ENVIRONMENTS_GCP_ENDPOINT", "").rstrip("/"),
    )
