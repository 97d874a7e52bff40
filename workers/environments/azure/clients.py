"""The clients of Azure's libraries, and how often they ask again."""

from collections.abc import Sequence
from typing import Any, Final

from azure.core.credentials import AccessToken, AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncRetryPolicy
from azure.core.pipeline.transport import AioHttpTransport
from azure.identity.aio import ClientSecretCredential, DefaultAzureCredential
from azure.mgmt.containerinstance.aio import ContainerInstanceManagementClient
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy
from azure.mgmt.storage.aio import StorageManagementClient
from azure.storage.fileshare.aio import ShareServiceClient

from workers.environments.azure.settings import AzureSettings, Pace, is_plain_loopback
from workers.environments.retrying import carried_out

_METHODS: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "POST"})
_READING: Final = frozenset({"GET", "HEAD"})
_LONGEST_BACKOFF_SECONDS: Final = 30.0
# When the token of a stand-in ends: in 2100.
_IN_2100: Final = 4_102_444_800


class Retries(AsyncRetryPolicy[Any, Any]):
    """Sends again what was throttled, got no answer or a server's error: POST too, as nothing we post adds up.

    The one place where a request is sent again. `Retry-After` is obeyed up to a bound.
    Source: https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """

    def __init__(self, pace: Pace) -> None:
        super().__init__(
            retry_total=pace.tries,
            retry_connect=pace.tries,
            retry_read=pace.tries,
            retry_status=pace.tries,
            retry_backoff_factor=pace.backoff_seconds,
            retry_backoff_max=_LONGEST_BACKOFF_SECONDS,
        )
        self._longest = pace.retry_after_seconds

    def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of one request."""
        options.setdefault("retry_on_methods", _METHODS)
        return super().configure_retries(options)

    def get_retry_after(self, response: PipelineResponse[Any, Any]) -> float | None:
        """Return the seconds that the answer asks us to wait; None when it does not."""
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, self._longest)


class StorageRetries(Retries):
    """The same for the storage library, whose own does not wait as long as it is asked to.

    That also chooses between two places of an account, and the library expects to be told which has answered.
    """

    def configure_retries(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of one request."""
        for name in ("hosts", "location_mode", "retry_to_secondary"):
            options.pop(name, None)
        return super().configure_retries(options)

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send a request, as often as it takes."""
        response = await super().send(request)
        response.http_response.location_mode = "primary"
        return response


# The library hands the class over in a way that types cannot follow.
class Transport(AioHttpTransport):  # type: ignore[misc]
    """Lets a request that changes something end before whoever asked for it is broken off.

    It may be carried out all the same, and what is done next, such as a deletion, must not meet it half way.
    """

    def __init__(self, pace: Pace) -> None:
        super().__init__(connection_timeout=pace.request_seconds, read_timeout=pace.request_seconds)

    async def send(self, request: Any, **config: Any) -> Any:
        """Send one request once."""
        sent = super().send(request, **config)
        return await (sent if request.method in _READING else carried_out(sent))


def credential(settings: AzureSettings) -> AsyncTokenCredential:
    """Return who we are: the application that was configured, else whoever this machine is."""
    if is_plain_loopback(settings.arm_url):
        return _Nobody()
    if settings.tenant_id and settings.client_id and settings.client_secret:
        return ClientSecretCredential(settings.tenant_id, settings.client_id, settings.client_secret)
    return DefaultAzureCredential()


def container_client(settings: AzureSettings, who: AsyncTokenCredential) -> ContainerInstanceManagementClient:
    """Return the client of container groups."""
    return ContainerInstanceManagementClient(
        who, settings.subscription_id, base_url=settings.arm_url, **_arm_options(settings, who)
    )


async def storage_key(settings: AzureSettings, who: AsyncTokenCredential) -> str:
    """Return a key of the storage account, which containers need to mount its shares."""
    options = _arm_options(settings, who)
    async with StorageManagementClient(who, settings.subscription_id, base_url=settings.arm_url, **options) as client:
        answer = await client.storage_accounts.list_keys(settings.resource_group, settings.storage_account)
    return next(key.value for key in answer.keys_property or () if key.value)


def share_client(settings: AzureSettings, key: str) -> ShareServiceClient:
    """Return the client of the file shares of the storage account, to which `key` belongs."""
    return ShareServiceClient(
        settings.shares_url,
        AzureNamedKeyCredential(settings.storage_account, key),
        retry_policy=StorageRetries(settings.pace),
        transport=Transport(settings.pace),
    )


def _arm_options(settings: AzureSettings, who: AsyncTokenCredential) -> dict[str, Any]:
    scopes = [f"{settings.arm_url}/.default"]
    return {
        "authentication_policy": _authentication(settings, who, scopes),
        "credential_scopes": scopes,
        "retry_policy": Retries(settings.pace),
        "polling_interval": settings.pace.look_seconds,
        "transport": Transport(settings.pace),
    }


def _authentication(
    settings: AzureSettings, who: AsyncTokenCredential, scopes: Sequence[str]
) -> AsyncARMChallengeAuthenticationPolicy:
    policy = _OnThisMachine if is_plain_loopback(settings.arm_url) else AsyncARMChallengeAuthenticationPolicy
    return policy(who, *scopes)


class _OnThisMachine(AsyncARMChallengeAuthenticationPolicy):
    """Sends a token without encryption, which never leaves this machine."""

    async def on_request(self, request: PipelineRequest[Any]) -> None:
        request.context.options["enforce_https"] = False
        await super().on_request(request)


class _Nobody(AsyncTokenCredential):
    """Who we are to a stand-in on this machine. No credential of ours is ever shown to one."""

    async def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:  # noqa: ARG002 - the protocol's
        return AccessToken("stand-in", _IN_2100)

    async def close(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass
