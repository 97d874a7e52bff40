"""Environments at Google Cloud: a machine of Compute Engine each, that runs one container, and a disk for its files.

Not Cloud Run: there a service has one port behind a proxy that ends TLS itself, so neither 8443 nor SSH can be reached,
and its only storage that outlives it is a bucket, on which git is no pleasure. A machine is stopped and started as it
is, keeps the image it has fetched, and its disk is a file system with the size that was asked for.

Everything but the network, its firewall rule and the service account is made and removed here. All of it is named by
the id of its environment and carries the label `switchyard-environment`: the disk, which is made first and removed
last, a secret of Secret Manager, and the machine with its boot disk. The machine reads the secret when it starts, and
what runs in the container cannot reach the metadata server, so it cannot take the machine's place. A command comes to
the machine over SSH.
"""

from typing import TYPE_CHECKING

from workers.environments.gcp.provider import GcpProvider
from workers.environments.gcp.settings import read_settings

if TYPE_CHECKING:
    from workers.environments.providers import Surroundings

__all__ = ["GcpProvider", "make", "read_settings"]


def make(surroundings: "Surroundings") -> GcpProvider:
    """Return the provider of this worker.

    Raises:
        ProviderFailed: a setting is missing.
    """
    return GcpProvider(read_settings(surroundings.variables))
