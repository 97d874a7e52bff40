"""Who makes the present call. Set by the interceptor, read by servicers."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from switchyard.auth.v1 import access_pb2


@dataclass(frozen=True, slots=True)
class Caller:
    """The account, worker or local client behind a call.

    `tenant_id` None means that the caller sees every tenant. `address` is the client's IP address as far as it is
    known, after trusted proxies. `session_id` names the login an access token came from.
    """

    name: str
    role: access_pb2.Role.ValueType
    tenant_id: str | None = None
    worker: bool = False
    address: str = ""
    session_id: str | None = None


# The process itself, outside of any call.
SYSTEM: Final = Caller(name="system", role=access_pb2.ROLE_ADMIN)

CALLER: ContextVar[Caller] = ContextVar("caller", default=SYSTEM)
