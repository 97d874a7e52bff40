"""What the program around a gateway decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from google.api import http_pb2
from google.protobuf.descriptor import EnumDescriptor, MethodDescriptor

from gateway.contract.services import MAIN_LISTENER
from gateway.http.metadata import EXPOSED_METADATA, FORWARDED_HEADERS
from gateway_options.v1 import options_pb2

# (full name of the rpc as in a gRPC call, None when no route was found; HTTP status; seconds)
Observe = Callable[[str | None, int, float], None]

# Whether calls of an rpc need a credential; None when that depends on where a request comes from.
CredentialNeeded = Callable[[MethodDescriptor], bool | None]

# Who may call an rpc, in one sentence; empty to say nothing.
WhoMayCall = Callable[[MethodDescriptor], str]


class Record(Protocol):
    """Takes what an access log tells of one request that was served. `path` is still percent-encoded."""

    def __call__(self, *, method: str, path: str, status: int, seconds: float, client: str, request_id: str) -> None:
        """Write it down. Runs on the loop, so it must not wait."""
        ...


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Options of one gateway, which is one listener."""

    listener: str = MAIN_LISTENER
    """Only services that name this listener are served; services that name none are served by "main"."""
    service_defaults: options_pb2.ServiceOptions | None = None
    """Options for services that do not state them, nor their files. None: strict ProtoJSON."""
    http_rules: Mapping[str, http_pb2.HttpRule] | None = None
    """Full names of rpcs ("package.Service.Name") and the rules that replace their annotations."""
    unannotated_rpcs: bool = False
    """Rpcs without an HTTP rule are served too, at their own path. False: they stay inside."""
    ignore_trailing_slash: bool = False
    """A path that no route has is looked up once more without the slash at its end. False: it is another path."""
    listener_is_loopback: bool = False
    """The listener is bound to a loopback address only. Nothing is local otherwise."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of pages that may read answers, "*" for all. Those listed by name also count as our own."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks in CIDR notation whose X-Forwarded-For is believed."""
    token: str = field(default="", repr=False)
    """Sent as metadata `x-gateway-token`, by which servers know that the other `x-gateway-...` keys are ours."""
    pages_guard: str | None = None
    """Rpc ("/package.Service/Name", one request, one answer) that is called with the caller's metadata before
    /openapi.json, /docs or /redoc is served; any status but OK is the answer instead. None: everybody may read them."""
    comments: bytes | None = None
    """Serialized FileDescriptorSet with source info, for the descriptions in OpenAPI."""
    credential_needed: CredentialNeeded | None = field(default=None, repr=False)
    """Told in OpenAPI for each rpc. None: that every call may carry a credential."""
    who_may_call: WhoMayCall | None = field(default=None, repr=False)
    """Told in OpenAPI for each rpc. None: nothing is."""
    title: str = "API"
    """Title of the OpenAPI document and its pages."""
    version: str = "1"
    """Version of the API, for the OpenAPI document."""
    default_error_shape: "options_pb2.ServiceOptions.ErrorShape.ValueType | None" = None
    """Shape of errors on paths that resemble no route. None: the one all services have, or google.rpc.Status."""
    error_reasons: tuple[EnumDescriptor, ...] = ()
    """Enums of error reasons that no served file imports; those in imported files are found without."""
    forwarded_headers: tuple[str, ...] = FORWARDED_HEADERS
    """Headers that go to the server as metadata of the same name; "grpc-metadata-*" lets clients choose keys. The
    request id goes in every case; user-agent, host and content-type, which gRPC has itself, as `grpcgateway-...`."""
    forwarded_cookies: tuple[str, ...] = ()
    """Names of cookies that go to the server, as metadata `cookie`. Those of requests of other sites' pages do not."""
    exposed_metadata: tuple[str, ...] = EXPOSED_METADATA
    """Metadata that goes to the client as headers of the same name, trailing metadata with `grpc-trailer-` before it;
    "grpc-metadata-*" lets out all others, with `grpc-metadata-` before them."""
    longest_call_seconds: float | None = None
    """A call that has one answer may take so long, if its client does not allow less. None: as long as it wants."""
    etags: bool = True
    """Answers to GET have an entity tag, also where the server sets none."""
    compression: bool = True
    """Answers are compressed for clients that take gzip or zstd. Bodies of requests may be in any case."""
    rate_limits: Mapping[str, options_pb2.RateLimit | None] = field(default_factory=dict)
    """Limits of requests, or None for none, in place of those the contract gives under these names."""
    rate_limit_storage: str = "memory://"
    """Where requests are counted: "memory://" or a Redis URL."""
    stuck_reader_seconds: float = 30
    """A reader that takes nothing of its stream for so long is dropped."""
    observe: Observe | None = field(default=None, repr=False)
    """Called after each request, for metrics."""
    record: Record | None = field(default=None, repr=False)
    """Called after each request, for an access log. None: there is none."""
