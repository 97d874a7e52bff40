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
# Of the machine's own SSH server; that of the environment has another.
SSH_PORT: Final = 22


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a command waits for what, in seconds."""

    # For one answer of the machine. Behind a firewall there is none.
    answer: float = 15.0
    # For its host keys, which it publishes while it starts.
    host_keys: float = 10.0
    # For it to take the key. gcloud waits as long: SSH_KEY_PROPAGATION_TIMEOUT_MS in its ssh_utils.py.
    key: float = 60.0
    # For the end of a command that was broken off; what does not end is killed after two.
    end: float = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of what is there before the first environment. Credentials are found by the SDK itself."""

    project: str
    zone: str = ""  # for environments of its region; those of others, and all if it is empty, are made in zone b
    network: str = NETWORK
    service_account: str = SERVICE_ACCOUNT
    machine_image: str = MACHINE_IMAGE
    ssh_port: int = SSH_PORT
    endpoint: str = ""  # of all services, such as "http://127.0.0.1:8303"; over http no credential is sent

    def zone_of(self, region: str) -> str:
        """Return the zone of an environment's region. Every region has a zone b, and not all have an a."""
        return self.zone if self.zone.rpartition("-")[0] == region else f"{region}-b"


def read_settings(variables: Mapping[str, str]) -> Settings:
    """Return the settings in `variables`.

    Raises:
        ProviderFailed: the project is missing, or the port is none.
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
        ssh_port=_port(variables.get("ENVIRONMENTS_GCP_SSH_PORT", "").strip()),
        endpoint=variables.get("ENVIRONMENTS_GCP_ENDPOINT", "").rstrip("/"),
    )


def _port(text: str) -> int:
    if text and not (text.isdecimal() and 0 < int(text) < 65536):
        raise ProviderFailed("ENVIRONMENTS_GCP_SSH_PORT must be a port, 1 to 65535", kind="ProviderRefused")
    return int(text) if text else SSH_PORT
