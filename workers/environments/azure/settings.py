"""What has to be known of a subscription, and how patient we are with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from workers.environments.provider import ProviderFailed

ARM_URL: Final = "https://management.azure.com"
_FILE_URL: Final = "https://{account}.file.core.windows.net"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is waited for what. Tests are in a hurry; nobody else is."""

    # Between two looks at what changes. An operation that says by itself when to look again is obeyed.
    look_seconds: float = 3.0
    # Between two looks at the log of an environment that is followed.
    log_seconds: float = 2.0
    # How often a request is sent again that was throttled, not answered, or answered with a server's error.
    tries: int = 8
    # Before the second of these; it doubles.
    backoff_seconds: float = 0.8
    # What Azure may ask us to wait before the next, at most.
    retry_after_seconds: float = 120.0
    # For the answer of one request.
    request_seconds: float = 60.0
    # For an operation as a whole: less than its Task has, so that there is a reason when it ends.
    operation_seconds: float = 1_500.0
    # For the startup script of an environment.
    script_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class AzureSettings:
    """Where environments are made, and as whom."""

    subscription_id: str
    resource_group: str
    storage_account: str
    # None: it is asked for.
    storage_key: str | None = field(default=None, repr=False)
    # An application of the directory; None: whoever this machine is (DefaultAzureCredential).
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    # Other ones in sovereign clouds.
    arm_url: str = ARM_URL
    file_url: str = ""
    pace: Pace = Pace()

    @property
    def shares_url(self) -> str:
        """Where the file shares of the storage account are."""
        return self.file_url or _FILE_URL.format(account=self.storage_account)


def read_settings(variables: Mapping[str, str]) -> AzureSettings:
    """Return the settings in `variables`.

    Raises:
        ProviderFailed: one that is needed is missing, or an address is none; the message names it.
    """
    return AzureSettings(
        subscription_id=_needed(variables, "AZURE_SUBSCRIPTION_ID"),
        resource_group=_needed(variables, "AZURE_RESOURCE_GROUP"),
        storage_account=_needed(variables, "AZURE_STORAGE_ACCOUNT"),
        storage_key=variables.get("AZURE_STORAGE_KEY") or None,
        tenant_id=variables.get("AZURE_TENANT_ID") or None,
        client_id=variables.get("AZURE_CLIENT_ID") or None,
        client_secret=variables.get("AZURE_CLIENT_SECRET") or None,
        arm_url=_url(variables, "AZURE_ARM_URL") or ARM_URL,
        file_url=_url(variables, "AZURE_FILE_URL"),
    )


def is_plain_loopback(url: str) -> bool:
    """Return whether `url` is on this machine and without encryption, as a stand-in is."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _needed(variables: Mapping[str, str], name: str) -> str:
    value = variables.get(name, "").strip()
    if not value:
        raise ProviderFailed(f"Azure is not configured at this worker: {name} is not set", kind="ProviderRefused")
    return value


def _url(variables: Mapping[str, str], name: str) -> str:
    url = variables.get(name, "").strip().rstrip("/")
    parts = urlsplit(url)
    if url and not (parts.scheme == "https" and parts.hostname) and not is_plain_loopback(url):
        raise ProviderFailed(
            f"Azure is not configured at this worker: {name} is no https address", kind="ProviderRefused"
        )
    return url
