"""What everything of an environment is called at Google Cloud."""

from typing import Final

# The device of its disk, inside the machine.
DEVICE: Final = "workspace"
# Of the machine; a firewall rule opens its ports by this.
NETWORK_TAG: Final = "switchyard-environment"
FINGERPRINT: Final = "switchyard-fingerprint"


def machine_name(environment_id: str) -> str:
    """Return the name of its machine."""
    return environment_id


def disk_name(environment_id: str) -> str:
    """Return the name of the disk with its files."""
    return f"workspace-{environment_id}"


def secret_name(environment_id: str) -> str:
    """Return the name of its secret."""
    return f"switchyard-{environment_id}"
