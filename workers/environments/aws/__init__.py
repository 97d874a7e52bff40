"""Environments at AWS: a service of ECS on Fargate each, whose files lie in EFS.

A service and not a bare task, for it brings a task back that failed or whose machine is retired, and stopping it is a
count of 0. It has at most one task at a time, so no two ever write the same files.

Everything but the cluster, the network and the file system is made and removed here. All of it is named by the id of
its environment and carries the tag `switchyard-environment`:

- an access point of the shared file system, which is the storage. It is made first and removed last. EFS knows no
  limit of size, so `storage_gb` is not enforced.
- a secret of Secrets Manager, whose values the service hands to the process. One secret with all values is written and
  removed in one call, and has no limit of 4 KB as parameters of SSM have.
- a task definition, the service, and its streams of CloudWatch Logs.

Removing an access point leaves its files, therefore a short task of its own erases them before.
"""

from typing import TYPE_CHECKING

from workers.environments.aws.provider import AwsProvider
from workers.environments.aws.settings import read_settings

if TYPE_CHECKING:
    from workers.environments.providers import Surroundings

__all__ = ["AwsProvider", "make", "read_settings"]


def make(surroundings: "Surroundings") -> AwsProvider:
    """Return the provider of this worker.

    Raises:
        ProviderFailed: a setting is missing.
    """
    return AwsProvider(read_settings(surroundings.variables))
