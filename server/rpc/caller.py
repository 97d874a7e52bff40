"""Who makes the present call. Set by the interceptor, read by servicers."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from switchyard.auth.v1 import access_pb2


@dataclass(frozen=True, slots=True)
class Caller:
    """The account, worker, robot, environment or local client behind a call.

    `tenant_id` None means that the caller sees every tenant. `address` is the client's IP address as far as it is
    known, after trusted proxies. `session_id` names the login an access token came from. `robot_id` is set for a robot
    with a token of its own, who speaks for itself only; None speaks for any. The same holds for `environment_id` and
    what runs in an environment. `token_id` names the API token that was sent, and `scopes` what it may reach, nothing
    meaning everything.
    """

    name: str
    role: access_pb2.Role.ValueType
    tenant_id: str | None = None
    worker: bool = False
    address: str = ""
    session_id: str | None = None
    robot_id: str | None = None
    token_id: str | None = None
    scopes: tuple[str, ...] = ()
    environment_id: str | None = None


@dataclass(frozen=True, slots=True)
class RobotCredential:
    """Whom a robot's token is for. `tenant_id` None: a robot that serves every tenant."""

    robot_id: str
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentCredential:
    """Which environment a token is for, and whose tenant that is of; "" for an environment of no tenant."""

    environment_id: str
    tenant_id: str


# Answers whose token of a robot this is; None for one that is not known or no longer good.
FindRobot = Callable[[str], Awaitable[RobotCredential | None]]
# Answers which environment has this token; None when none has.
FindEnvironment = Callable[[str], Awaitable[EnvironmentCredential | None]]
# Answers whom the API token speaks for that came from an address; None for one that is not known.
# Raises CredentialExpired.
FindToken = Callable[[str, str], Awaitable[Caller | None]]


# The process itself, outside of any call.
SYSTEM: Final = Caller(name="system", role=access_pb2.ROLE_ADMIN)

CALLER: ContextVar[Caller] = ContextVar("caller", default=SYSTEM)
