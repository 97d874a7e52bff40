"""The one way to the server: its channel, its credential, and the only place that tries a call again."""

import asyncio
import random
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, Self, TypeVar, cast

import grpc
import structlog
from google.rpc import error_details_pb2, status_pb2

from switchyard.bots.v1 import bot_worker_service_pb2_grpc as bot_workers
from switchyard.comfy.v1 import comfy_worker_service_pb2_grpc as comfy_workers
from switchyard.environments.v1 import provisioning_service_pb2_grpc as environments
from switchyard.errors.v1 import error_reason_pb2 as reasons
from switchyard.orchestrator.v1 import job_run_service_pb2_grpc as job_runs
from switchyard.orchestrator.v1 import job_worker_service_pb2_grpc as jobs
from switchyard.orchestrator.v1 import node_type_service_pb2_grpc as node_types
from switchyard.orchestrator.v1 import robot_service_pb2_grpc as robots
from switchyard.tasks.v1 import worker_service_pb2_grpc as workers
from switchyard.telemetry.v1 import event_service_pb2_grpc as events
from switchyard.telemetry.v1 import session_service_pb2_grpc as sessions

T = TypeVar("T")
RequestT = TypeVar("RequestT", contravariant=True)
ResponseT = TypeVar("ResponseT", covariant=True)

# One attempt of a call that should be answered at once.
CALL_SECONDS: Final = 10.0

# The server is away, starting or stopping; it ends calls it cannot finish with CANCELLED.
_AWAY: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})
# A fault of the server, perhaps of its database: it may pass. After this many in a row it is believed.
_FAULTS: Final = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
_FAULT_LIMIT: Final = 10
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0

# Several servers do the same work; each gets calls in turn, but for those that say they do not serve.
# Source: https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md
_SERVICE_CONFIG: Final = '{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}'
# A server that comes back is to be found soon, whatever time it was away.
_OPTIONS: Final[Sequence[tuple[str, int | str]]] = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    # A connection that died without a word is noticed within half a minute.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
)

log: Final = structlog.get_logger(__name__)


class Refused(Exception):
    """The server answered with an error that trying again does not change."""

    def __init__(
        self, code: grpc.StatusCode, reason: str = "", message: str = "", metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message or code.name)
        self.code = code
        self.reason = reason
        self.metadata = metadata or {}


class LeaseLost(Refused):
    """The Task belongs to another worker or has ended; all work on it must stop and be dropped."""


class Unary(Protocol[RequestT, ResponseT]):
    """A unary method of a stub."""

    def __call__(
        self, request: RequestT, /, *, timeout: float | None = ..., metadata: Any = ...
    ) -> Awaitable[ResponseT]:
        """Start the call."""


class Streaming(Protocol[RequestT, ResponseT]):
    """A method of a stub that is answered by a stream."""

    def __call__(
        self, request: RequestT, /, *, timeout: float | None = ..., metadata: Any = ...
    ) -> AsyncIterable[ResponseT]:
        """Start the call."""


class ServerLink:
    """A channel to the server, with the worker's credential on each call."""

    def __init__(self, address: str, token: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self.tasks = workers.WorkerServiceStub(self._channel)
        self.bots = bot_workers.BotWorkerServiceStub(self._channel)
        self.comfy = comfy_workers.ComfyWorkerServiceStub(self._channel)
        self.environments = environments.ProvisioningServiceStub(self._channel)
        self.robots = robots.RobotServiceStub(self._channel)
        self.jobs = jobs.JobWorkerServiceStub(self._channel)
        self.job_runs = job_runs.JobRunServiceStub(self._channel)
        self.node_types = node_types.NodeTypeServiceStub(self._channel)
        self.sessions = sessions.SessionServiceStub(self._channel)
        self.events = events.EventServiceStub(self._channel)
        self.use(token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close(None)

    def use(self, token: str) -> None:
        """Send this credential from now on."""
        self.metadata = (("x-api-token", token),)

    async def reconnected(self) -> None:
        """Return when the connection, which is there, was lost and is there again."""
        lost = False
        while True:
            state = self._channel.get_state(try_to_connect=True)
            if state == grpc.ChannelConnectivity.READY and lost:
                return
            lost = lost or state != grpc.ChannelConnectivity.READY
            await self._channel.wait_for_state_change(state)

    async def once(self, method: Unary[RequestT, ResponseT], request: RequestT) -> ResponseT:
        """Call a unary method that must not be repeated.

        Raises:
            Refused: any error, also that the server is away.
        """
        try:
            return await method(request, timeout=CALL_SECONDS, metadata=self.metadata)
        except grpc.aio.AioRpcError as error:
            raise _refusal(error) from error

    async def call(self, method: Unary[RequestT, ResponseT], request: RequestT) -> ResponseT:
        """Call a unary method, again and again while the server is away.

        Raises:
            LeaseLost: the lease in the request is over.
            Refused: any other error.
        """
        return await self.persist(lambda: method(request, timeout=CALL_SECONDS, metadata=self.metadata))

    async def stream(
        self, method: Streaming[RequestT, ResponseT], request: RequestT, *, seconds: float
    ) -> AsyncIterator[ResponseT]:
        """Yield the answers of one call that may take `seconds`; it is not tried again.

        Raises:
            grpc.aio.AioRpcError: as it comes, for `persist`.
        """
        async for response in method(request, timeout=seconds, metadata=self.metadata):
            yield response

    async def persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what `attempt` returns; repeat it, with growing pauses, while the server is away or at fault.

        Raises:
            LeaseLost: the lease in the request is over.
            Refused: any other error.
        """
        pause = _FIRST_PAUSE
        faults = 0
        while True:
            try:
                return await attempt()
            except grpc.aio.AioRpcError as error:
                faults += error.code() in _FAULTS
                if error.code() not in _AWAY | _FAULTS or faults >= _FAULT_LIMIT:
                    raise _refusal(error) from error
                log.debug("a call is tried again", code=error.code().name)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(_LONGEST_PAUSE, pause * 2)


def _refusal(error: grpc.aio.AioRpcError) -> Refused:
    reason, metadata = _error_info(error)
    kind = LeaseLost if reason == reasons.ErrorReason.Name(reasons.ERROR_REASON_LEASE_LOST) else Refused
    return kind(error.code(), reason, error.details() or "", metadata)


def _error_info(error: grpc.aio.AioRpcError) -> tuple[str, Mapping[str, str]]:
    """Return reason and metadata of the `google.rpc.ErrorInfo` that came with an error; empty when none did."""
    for name, value in cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ()):
        if name == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info.reason, dict(info.metadata)
    return "", {}
