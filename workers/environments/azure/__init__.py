"""Environments at Azure: a container group each, whose files lie in a file share of its own.

Both are named by the id of their environment: the group carries the tag `switchyard-environment`, the share the same as
metadata. The share is made first and removed last, so that a group never runs without its files. Stopping ends the
containers of the group, which frees what they cost; the group stays with its settings.

Knows Azure's API and the protocol of providers, and nothing of Tasks.
"""

from typing import TYPE_CHECKING

from workers.environments.azure.provider import AzureProvider
from workers.environments.azure.settings import read_settings

if TYPE_CHECKING:
    from workers.environments.providers import Surroundings

__all__ = ["AzureProvider", "make", "read_settings"]


def make(surroundings: "Surroundings") -> AzureProvider:
    """Return the provider of this worker.

    Raises:
        ProviderFailed: a setting is missing, or an address is none.
    """
    return AzureProvider(read_settings(surroundings.variables))
