"""Who may call what.

`Gate.identify` tells who calls from the credentials that were sent and what is known of the way the request came;
`Gate.permit` decides whether the method's rule lets him in. Whether a login still lasts is asked by the interceptor
between them.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote

from google.protobuf.descriptor import MethodDescriptor

from server.errors import CredentialInvalid, CredentialMissing, PermissionDenied
from server.rpc.caller import Caller, FindEnvironment, FindRobot, FindToken
from server.rpc.scopes import Reach, reach_of
from switchyard.auth.v1 import access_pb2

AUTHENTICATION_REQUIRED: Final = "Authentication required"
INVALID_TOKEN: Final = "Invalid authentication token"  # noqa: S105 - a sentence
# Begins every API token, so that one is told from other credentials, here and by whoever looks for leaked ones.
API_TOKEN_PREFIX: Final = "swy_"  # noqa: S105 - what is before the secret
API_KEY_REQUIRED: Final = "Missing API key. Provide X-API-Key header."

# What a gateway says of the request it passes on; believed only with the right token.
GATEWAY_TOKEN: Final = "x-gateway-token"  # noqa: S105 - the name of a key
GATEWAY_CLIENT: Final = "x-gateway-client"
GATEWAY_LOCAL: Final = "x-gateway-local"
# A call with one of these was passed on by somebody, so the peer is not the client.
_PASSED_ON: Final = (
    GATEWAY_TOKEN,
    GATEWAY_CLIENT,
    GATEWAY_LOCAL,
    "forwarded",
    "via",
    "x-client-ip",
    "x-envoy-external-address",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)
_CREDENTIALS: Final = ("authorization", "x-api-key", "x-api-token")
_WANTED: Final = frozenset((*_PASSED_ON, *_CREDENTIALS, "x-request-id"))

Metadata = Iterable[tuple[str, str | bytes]]


class AccessMissing(Exception):
    """A method of the contract does not state who may call it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a method: `anyone`, a `worker`, a `robot`, or an account with at least `role` (0: any account).

    `robot`: a robot for its own id, a worker or an admin for any. `worker_too`: a worker besides the account;
    `environment_too`: an environment, for its own id. `local`: a local request needs no credential. `by_api_key`:
    refusals speak of API keys, and a wrong one is forbidden rather than unknown. `reach`: what the scopes of an API
    token have to hold; None where they do not matter.
    """

    anyone: bool = False
    worker: bool = False
    robot: bool = False
    role: access_pb2.Role.ValueType = access_pb2.ROLE_UNSPECIFIED
    worker_too: bool = False
    local: bool = False
    by_api_key: bool = False
    reach: Reach | None = None
    environment_too: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """How a request came. `address` is the client's IP address, "" when it has none (a unix socket)."""

    local: bool
    address: str


def rule_of(method: MethodDescriptor) -> Rule:
    """Return the rule the contract states for `method`.

    Raises:
        AccessMissing: it states none.
    """
    access = method.GetOptions().Extensions[access_pb2.access]
    who = access.WhichOneof("who")
    if who is None or (who != "role" and not getattr(access, who)):
        raise AccessMissing(f"{method.full_name} does not state (switchyard.auth.v1.access)")
    return Rule(
        anyone=access.anyone,
        worker=access.worker,
        robot=access.robot,
        role=access_pb2.ROLE_ADMIN if access.robot else access.role,
        worker_too=access.worker_too,
        local=access.local,
        by_api_key=access.by_api_key,
        reach=reach_of(method),
        environment_too=access.environment_too,
    )


def credential_needed(rule: Rule, *, reachable: bool) -> bool | None:
    """Whether a call needs a credential; None when local requests do without.

    `reachable`: the listener can be reached from other machines, so that no request is local.
    """
    if rule.anyone:
        return False
    return None if rule.local and not reachable else True


def who_may_call(rule: Rule, *, reachable: bool) -> str:
    """Return who may call a method, in one sentence. `reachable` as in `credential_needed`."""
    if rule.anyone:
        return "Anybody may call this, without a credential."
    if rule.worker:
        return "Needs the worker token."
    if rule.robot:
        without = (
            "; a local request needs none, unless ROBOT_AUTH_ENABLED is on" if rule.local and not reachable else ""
        )
        return f"Needs the token of the robot, the worker token, or the role admin{without}."
    if rule.role == access_pb2.ROLE_UNSPECIFIED:
        return "Needs an account, whatever its role."
    worker = ", or the worker token" if rule.worker_too else ""
    environment = ", or the environment's own token" if rule.environment_too else ""
    without = "; a local request needs no credential" if rule.local and not reachable else ""
    return f"Needs the role {_role_name(rule.role)}, or one that includes it{worker}{environment}{without}."


async def nobody(*_: str) -> None:
    """Know no token. What a gate asks where there is nothing to look them up in."""


class Gate:
    """Knows the credentials, and who is let in with them.

    `read_token` returns the caller an access token speaks for, or raises CredentialInvalid or CredentialExpired.
    `find_token`, `find_robot` and `find_environment` know API tokens, tokens of robots and of environments. `dev_mode`
    lets everybody in as admin, but nobody as worker. `robot_auth`: robots need a token from this machine too.
    """

    def __init__(
        self,
        *,
        api_key: str,
        worker_token: str,
        dev_mode: bool,
        read_token: Callable[[str, str], Caller],
        find_token: FindToken = nobody,
        find_robot: FindRobot = nobody,
        find_environment: FindEnvironment = nobody,
        robot_auth: bool = False,
    ) -> None:
        self._api_key = api_key.encode()
        self._worker_token = worker_token.encode()
        self._dev_mode = dev_mode
        self._read_token = read_token
        self._find_token = find_token
        self._find_robot = find_robot
        self._find_environment = find_environment
        self._robot_auth = robot_auth

    async def identify(self, rule: Rule, sent: Mapping[str, str], way: Way) -> Caller:
        """Return who calls. `sent` holds the credentials by the name of their metadata key.

        Every credential that is sent has to be good, even where none is needed; where anyone may call, none is
        looked at.

        Raises:
            CredentialMissing, CredentialInvalid, CredentialExpired: nobody that is known.
            PermissionDenied: a wrong key where only keys are known.
        """
        if rule.anyone:
            return stranger(way.address)
        if self._dev_mode and not rule.worker:
            return _unnamed("dev", access_pb2.ROLE_ADMIN, way.address)
        machine = await self._of_machine_token(sent.get("x-api-token"), way.address)
        key = await self._of_api_key(rule, sent.get("x-api-key"), way.address)
        # The most telling credential: a person before a key before a machine.
        caller = await self._of_authorization(sent.get("authorization"), way.address) or key or machine
        if caller is not None:
            return caller
        if rule.local and way.local and not (rule.robot and self._robot_auth):
            return _unnamed("local", access_pb2.ROLE_ADMIN, way.address)
        raise CredentialMissing(API_KEY_REQUIRED if rule.by_api_key else AUTHENTICATION_REQUIRED)

    def permit(self, rule: Rule, caller: Caller) -> None:
        """Let `caller` through.

        Raises:
            PermissionDenied: the rule asks for somebody else.
        """
        if rule.anyone:
            return
        if caller.worker or caller.robot_id is not None or caller.environment_id is not None:
            _permit_machine(rule, caller)
            return
        if rule.worker:
            raise PermissionDenied("Insufficient permissions. Required: the credential of a worker")
        if caller.role < rule.role:
            role = _role_name(rule.role)
            raise PermissionDenied(f"Insufficient permissions. Required role: {role}", required_role=role)
        if caller.scopes and rule.reach is not None and not rule.reach.within(caller.scopes):
            scope = rule.reach.scope
            raise PermissionDenied(f"Insufficient permissions. Required scope: {scope}", required_scope=scope)

    async def _of_authorization(self, text: str | None, address: str) -> Caller | None:
        if not text:
            return None
        scheme, _, token = text.partition(" ")
        if scheme.lower() != "bearer":
            raise CredentialInvalid(INVALID_TOKEN)
        token = token.strip()
        if not token.startswith(API_TOKEN_PREFIX):
            # Access tokens have dots in them (RFC 7515, section 3.1), those of environments have none.
            environment = await self._of_environment_token(token, address) if "." not in token else None
            return environment or self._read_token(token, address)
        caller = await self._find_token(token, address)
        if caller is None:
            raise CredentialInvalid(INVALID_TOKEN)
        return caller

    async def _of_api_key(self, rule: Rule, text: str | None, address: str) -> Caller | None:
        if not text:
            return None
        if same(text, self._api_key):
            return _unnamed("api-key", access_pb2.ROLE_ADMIN, address)
        caller = await self._find_token(text, address) if text.startswith(API_TOKEN_PREFIX) else None
        if caller is None:
            refusal = PermissionDenied if rule.by_api_key else CredentialInvalid
            raise refusal("Invalid API key")
        return caller

    async def _of_machine_token(self, text: str | None, address: str) -> Caller | None:
        if not text:
            return None
        if same(text, self._worker_token):
            return Caller(name="worker", role=access_pb2.ROLE_UNSPECIFIED, worker=True, address=address)
        robot = await self._find_robot(text)
        if robot is None:
            environment = await self._of_environment_token(text, address)
            if environment is None:
                raise CredentialInvalid("Invalid or expired API token")
            return environment
        return Caller(
            name=f"robot:{robot.robot_id}",
            role=access_pb2.ROLE_UNSPECIFIED,
            tenant_id=robot.tenant_id,
            address=address,
            robot_id=robot.robot_id,
        )

    async def _of_environment_token(self, text: str, address: str) -> Caller | None:
        environment = await self._find_environment(text)
        if environment is None:
            return None
        return Caller(
            name=f"environment:{environment.environment_id}",
            role=access_pb2.ROLE_UNSPECIFIED,
            tenant_id=environment.tenant_id,
            address=address,
            environment_id=environment.environment_id,
        )


def stranger(address: str) -> Caller:
    """Return somebody of whom nothing but the address is known."""
    return _unnamed("anonymous", access_pb2.ROLE_UNSPECIFIED, address)


@lru_cache(maxsize=1024)
def _unnamed(name: str, role: access_pb2.Role.ValueType, address: str) -> Caller:
    """Return a caller who is no person. Kept, because making one costs more than all the rest of a decision."""
    return Caller(name=name, role=role, address=address)


def _permit_machine(rule: Rule, caller: Caller) -> None:
    if caller.environment_id is not None:
        welcome = rule.environment_too
    else:
        welcome = rule.robot or (caller.worker and (rule.worker or rule.worker_too))
    if not welcome:
        who = "a worker" if rule.worker else "an account"
        raise PermissionDenied(f"Insufficient permissions. Required: the credential of {who}")


def _role_name(role: access_pb2.Role.ValueType) -> str:
    return access_pb2.Role.Name(role).removeprefix("ROLE_").lower()


def same(text: str, secret: bytes) -> bool:
    """Compare in a time that does not depend on where they differ."""
    return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), secret)


def read_metadata(metadata: Metadata) -> dict[str, str]:
    """Return what access and request ids look at, by key. Of a key that was sent twice the last one counts."""
    return {key: value for key, value in metadata if key in _WANTED and isinstance(value, str)}


def read_way(sent: Mapping[str, str], peer: str, *, gateway_token: bytes, loopback_listener: bool) -> Way:
    """Return how a call came: in the words of a gateway that knows the token, else by its peer.

    A gateway that does not know the token makes nobody local, though it may run on this machine itself.
    """
    token = sent.get(GATEWAY_TOKEN)
    if token is not None and same(token, gateway_token):
        return _way(sent.get(GATEWAY_LOCAL) == "1", sent.get(GATEWAY_CLIENT, ""))
    way = _way_of_peer(peer)
    if way.local and loopback_listener and not any(key in sent for key in _PASSED_ON):
        return way
    return Way(False, way.address)


@lru_cache(maxsize=1024)
def _way(local: bool, address: str) -> Way:
    return Way(local, address)


@lru_cache(maxsize=1024)
def _way_of_peer(peer: str) -> Way:
    """Read a peer as gRPC writes it: "ipv4:127.0.0.1:1", "ipv6:%5B::1%5D:1", "unix:/path"."""
    family, _, rest = unquote(peer).partition(":")
    if family == "unix":
        return Way(True, "")
    host = rest.rpartition(":")[0].strip("[]")
    try:
        return Way(ip_address(host).is_loopback, host)
    except ValueError:
        return Way(False, "")
