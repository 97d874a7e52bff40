"""Who is let in: every kind of credential against every kind of rule."""

from typing import Final

import pytest

from server.errors import CredentialExpired, CredentialInvalid, CredentialMissing, PermissionDenied, SwitchyardError
from server.rpc.access import (
    AccessMissing,
    Gate,
    Rule,
    Way,
    credential_needed,
    read_metadata,
    read_way,
    rule_of,
    who_may_call,
)
from server.rpc.caller import Caller, EnvironmentCredential, RobotCredential
from server.rpc.scopes import Reach
from switchyard.auth.v1 import access_pb2

API_KEY: Final = "the-api-key"
WORKER_TOKEN: Final = "the-worker-token"
GATEWAY_TOKEN: Final = b"the-gateway-token"
ELSEWHERE: Final = Way(local=False, address="203.0.113.9")
HERE: Final = Way(local=True, address="127.0.0.1")

ANYONE: Final = Rule(anyone=True)
ANY_ACCOUNT: Final = Rule()
OPERATOR: Final = Rule(role=access_pb2.ROLE_OPERATOR)
OPERATOR_OR_LOCAL: Final = Rule(role=access_pb2.ROLE_OPERATOR, local=True)
WORKER: Final = Rule(worker=True)
OPERATOR_OR_WORKER: Final = Rule(role=access_pb2.ROLE_OPERATOR, worker_too=True)
OPERATOR_BY_KEY: Final = Rule(role=access_pb2.ROLE_OPERATOR, by_api_key=True)
ADMIN: Final = Rule(role=access_pb2.ROLE_ADMIN)
ROBOT: Final = Rule(robot=True, role=access_pb2.ROLE_ADMIN)
OPERATOR_OR_ENVIRONMENT: Final = Rule(role=access_pb2.ROLE_OPERATOR, local=True, environment_too=True)
ROBOT_OR_LOCAL: Final = Rule(robot=True, role=access_pb2.ROLE_ADMIN, local=True)

NOTHING: Final[dict[str, str]] = {}
KEY: Final = {"x-api-key": API_KEY}
WRONG_KEY: Final = {"x-api-key": API_KEY + "x"}
VIEWER: Final = {"authorization": "Bearer viewer"}
DEVELOPER: Final = {"authorization": "bearer developer"}
FORGED: Final = {"authorization": "Bearer forged"}
BASIC: Final = {"authorization": "Basic dXNlcjpwYXNz"}
WORKERS: Final = {"x-api-token": WORKER_TOKEN}
WRONG_WORKER: Final = {"x-api-token": "é"}
TOKEN: Final = {"authorization": "Bearer swy_developer"}
TOKEN_AS_KEY: Final = {"x-api-key": "swy_developer"}
READER: Final = {"x-api-key": "swy_reader"}
ROBOTS_OWN: Final = {"x-api-token": "robot-token"}
ENVIRONMENTS_OWN: Final = {"x-api-token": "environment-token"}
ENVIRONMENTS_BEARER: Final = {"authorization": "Bearer environment-token"}


def within(package: str, *, reads: bool) -> Rule:
    return Rule(role=access_pb2.ROLE_VIEWER, reach=Reach(package, reads))


def read_token(token: str, address: str) -> Caller:
    """Stand in for signed tokens: the token is the name of the role."""
    roles = {"viewer": access_pb2.ROLE_VIEWER, "developer": access_pb2.ROLE_DEVELOPER}
    if token not in roles:
        raise CredentialInvalid("Invalid authentication token")
    return Caller(name=token, role=roles[token], address=address, session_id="s")


API_TOKENS: Final = {
    "swy_developer": Caller("token:ci", access_pb2.ROLE_DEVELOPER, token_id="t1"),
    "swy_reader": Caller("token:board", access_pb2.ROLE_DEVELOPER, token_id="t2", scopes=("tasks:read", "bots")),
}
ROBOTS: Final = {"robot-token": RobotCredential("robot-1", "acme")}


async def find_token(token: str, _address: str) -> Caller | None:
    if token == "swy_expired":
        raise CredentialExpired("Token has expired")
    return API_TOKENS.get(token)


async def find_environment(token: str) -> EnvironmentCredential | None:
    return EnvironmentCredential("env-1", "acme") if token == "environment-token" else None


async def find_robot(token: str) -> RobotCredential | None:
    return ROBOTS.get(token)


def gate(*, dev_mode: bool = False, robot_auth: bool = False) -> Gate:
    return Gate(
        api_key=API_KEY,
        worker_token=WORKER_TOKEN,
        dev_mode=dev_mode,
        read_token=read_token,
        find_token=find_token,
        find_robot=find_robot,
        find_environment=find_environment,
        robot_auth=robot_auth,
    )


async def admit(gate: Gate, rule: Rule, sent: dict[str, str], way: Way) -> Caller:
    caller = await gate.identify(rule, sent, way)
    gate.permit(rule, caller)
    return caller


@pytest.mark.parametrize(
    ("rule", "sent", "way", "expected"),
    [
        # Where anyone may call, credentials are not looked at.
        (ANYONE, NOTHING, ELSEWHERE, "anonymous"),
        (ANYONE, FORGED, ELSEWHERE, "anonymous"),
        # Any account.
        (ANY_ACCOUNT, NOTHING, HERE, CredentialMissing),
        (ANY_ACCOUNT, VIEWER, ELSEWHERE, "viewer"),
        (ANY_ACCOUNT, KEY, ELSEWHERE, "api-key"),
        (ANY_ACCOUNT, WORKERS, ELSEWHERE, PermissionDenied),
        # A role.
        (OPERATOR, NOTHING, ELSEWHERE, CredentialMissing),
        (OPERATOR, NOTHING, HERE, CredentialMissing),
        (OPERATOR, VIEWER, ELSEWHERE, PermissionDenied),
        (OPERATOR, DEVELOPER, ELSEWHERE, "developer"),
        (OPERATOR, KEY, ELSEWHERE, "api-key"),
        (OPERATOR, WRONG_KEY, ELSEWHERE, CredentialInvalid),
        (OPERATOR, FORGED, ELSEWHERE, CredentialInvalid),
        (OPERATOR, BASIC, ELSEWHERE, CredentialInvalid),
        (OPERATOR, WORKERS, ELSEWHERE, PermissionDenied),
        # A person counts before the key, and a wrong credential beside a good one is refused.
        (OPERATOR, KEY | DEVELOPER, ELSEWHERE, "developer"),
        (OPERATOR, KEY | FORGED, ELSEWHERE, CredentialInvalid),
        (OPERATOR, WRONG_KEY | DEVELOPER, ELSEWHERE, CredentialInvalid),
        # Local requests need none, but one that is sent has to be good and enough.
        (OPERATOR_OR_LOCAL, NOTHING, HERE, "local"),
        (OPERATOR_OR_LOCAL, NOTHING, ELSEWHERE, CredentialMissing),
        (OPERATOR_OR_LOCAL, WRONG_KEY, HERE, CredentialInvalid),
        (OPERATOR_OR_LOCAL, FORGED, HERE, CredentialInvalid),
        (OPERATOR_OR_LOCAL, WRONG_WORKER, HERE, CredentialInvalid),
        (OPERATOR_OR_LOCAL, VIEWER, HERE, PermissionDenied),
        (OPERATOR_OR_LOCAL, DEVELOPER, HERE, "developer"),
        (OPERATOR_OR_LOCAL, {"x-api-key": ""}, HERE, "local"),
        # Worker calls take the worker token and nothing else.
        (WORKER, NOTHING, HERE, CredentialMissing),
        (WORKER, KEY, HERE, PermissionDenied),
        (WORKER, DEVELOPER, HERE, PermissionDenied),
        (WORKER, WRONG_WORKER, HERE, CredentialInvalid),
        (WORKER, WORKERS, ELSEWHERE, "worker"),
        # A worker besides an account, which needs its role all the same.
        (OPERATOR_OR_WORKER, WORKERS, ELSEWHERE, "worker"),
        (OPERATOR_OR_WORKER, KEY, ELSEWHERE, "api-key"),
        (OPERATOR_OR_WORKER, VIEWER, ELSEWHERE, PermissionDenied),
        (OPERATOR_OR_WORKER, WRONG_WORKER, ELSEWHERE, CredentialInvalid),
        (OPERATOR_OR_WORKER, NOTHING, HERE, CredentialMissing),
        # Where only keys are known, a wrong one is forbidden; other credentials are judged as everywhere.
        (OPERATOR_BY_KEY, KEY, ELSEWHERE, "api-key"),
        (OPERATOR_BY_KEY, WRONG_KEY, ELSEWHERE, PermissionDenied),
        (OPERATOR_BY_KEY, NOTHING, HERE, CredentialMissing),
        (OPERATOR_BY_KEY, FORGED, ELSEWHERE, CredentialInvalid),
        (OPERATOR_BY_KEY, DEVELOPER, ELSEWHERE, "developer"),
        # API tokens stand where a token or a key stands, and are known by their first letters only.
        (OPERATOR, TOKEN, ELSEWHERE, "token:ci"),
        (OPERATOR, TOKEN_AS_KEY, ELSEWHERE, "token:ci"),
        (OPERATOR_BY_KEY, TOKEN_AS_KEY, ELSEWHERE, "token:ci"),
        (OPERATOR, {"x-api-token": "swy_developer"}, ELSEWHERE, CredentialInvalid),
        (OPERATOR, {"authorization": "Bearer swy_unknown"}, ELSEWHERE, CredentialInvalid),
        (OPERATOR, {"x-api-key": "swy_unknown"}, ELSEWHERE, CredentialInvalid),
        (OPERATOR_BY_KEY, {"x-api-key": "swy_unknown"}, ELSEWHERE, PermissionDenied),
        (OPERATOR_BY_KEY, {"x-api-key": "swy_expired"}, ELSEWHERE, CredentialExpired),
        (ADMIN, TOKEN, ELSEWHERE, PermissionDenied),
        (WORKER, TOKEN, ELSEWHERE, PermissionDenied),
        (OPERATOR_OR_LOCAL, {"x-api-key": "swy_unknown"}, HERE, CredentialInvalid),
        # Scopes: all of a package, or what reads in it.
        (within("tasks", reads=True), READER, ELSEWHERE, "token:board"),
        (within("tasks", reads=False), READER, ELSEWHERE, PermissionDenied),
        (within("bots", reads=False), READER, ELSEWHERE, "token:board"),
        (within("bots", reads=True), READER, ELSEWHERE, "token:board"),
        (within("auth", reads=True), READER, ELSEWHERE, PermissionDenied),
        (within("auth", reads=False), TOKEN, ELSEWHERE, "token:ci"),
        # Robots: their own token, a worker's, an admin's.
        (ROBOT, ROBOTS_OWN, ELSEWHERE, "robot:robot-1"),
        (ROBOT, WORKERS, ELSEWHERE, "worker"),
        (ROBOT, KEY, ELSEWHERE, "api-key"),
        (ROBOT, DEVELOPER, ELSEWHERE, PermissionDenied),
        (ROBOT, WRONG_WORKER, ELSEWHERE, CredentialInvalid),
        (ROBOT, NOTHING, HERE, CredentialMissing),
        (ROBOT_OR_LOCAL, NOTHING, HERE, "local"),
        (ROBOT_OR_LOCAL, NOTHING, ELSEWHERE, CredentialMissing),
        (ROBOT_OR_LOCAL, WRONG_WORKER, HERE, CredentialInvalid),
        # Environments: their own token, in either header, where a rule names them beside the account.
        (OPERATOR_OR_ENVIRONMENT, ENVIRONMENTS_OWN, ELSEWHERE, "environment:env-1"),
        (OPERATOR_OR_ENVIRONMENT, ENVIRONMENTS_BEARER, ELSEWHERE, "environment:env-1"),
        (OPERATOR_OR_ENVIRONMENT, KEY, ELSEWHERE, "api-key"),
        (OPERATOR_OR_ENVIRONMENT, VIEWER, ELSEWHERE, PermissionDenied),
        (OPERATOR_OR_ENVIRONMENT, ROBOTS_OWN, ELSEWHERE, PermissionDenied),
        (OPERATOR_OR_ENVIRONMENT, WORKERS, ELSEWHERE, PermissionDenied),
        (OPERATOR_OR_ENVIRONMENT, NOTHING, HERE, "local"),
        (OPERATOR_OR_ENVIRONMENT, NOTHING, ELSEWHERE, CredentialMissing),
        (OPERATOR_OR_ENVIRONMENT, WRONG_WORKER, HERE, CredentialInvalid),
        (OPERATOR_OR_ENVIRONMENT, FORGED, HERE, CredentialInvalid),
        # An environment's token opens nothing else, and is no API key.
        (OPERATOR, ENVIRONMENTS_BEARER, ELSEWHERE, PermissionDenied),
        (ANY_ACCOUNT, ENVIRONMENTS_OWN, ELSEWHERE, PermissionDenied),
        (WORKER, ENVIRONMENTS_OWN, ELSEWHERE, PermissionDenied),
        (ROBOT, ENVIRONMENTS_OWN, ELSEWHERE, PermissionDenied),
        (OPERATOR_OR_LOCAL, ENVIRONMENTS_BEARER, HERE, PermissionDenied),
        (OPERATOR_OR_ENVIRONMENT, {"x-api-key": "environment-token"}, ELSEWHERE, CredentialInvalid),
        # A robot's token opens nothing else.
        (OPERATOR, ROBOTS_OWN, ELSEWHERE, PermissionDenied),
        (ANY_ACCOUNT, ROBOTS_OWN, ELSEWHERE, PermissionDenied),
        (WORKER, ROBOTS_OWN, ELSEWHERE, PermissionDenied),
        (OPERATOR_OR_WORKER, ROBOTS_OWN, ELSEWHERE, PermissionDenied),
        (OPERATOR_OR_LOCAL, ROBOTS_OWN, HERE, PermissionDenied),
    ],
)
async def test_credentials_are_judged_by_the_rule(
    rule: Rule, sent: dict[str, str], way: Way, expected: str | type[SwitchyardError]
) -> None:
    if isinstance(expected, str):
        assert (await admit(gate(), rule, sent, way)).name == expected
    else:
        with pytest.raises(expected):
            await admit(gate(), rule, sent, way)


@pytest.mark.parametrize(
    ("rule", "sent", "sentence"),
    [
        (OPERATOR, NOTHING, "Authentication required"),
        (OPERATOR, WRONG_KEY, "Invalid API key"),
        (OPERATOR, FORGED, "Invalid authentication token"),
        (OPERATOR, WRONG_WORKER, "Invalid or expired API token"),
        (OPERATOR, VIEWER, "Insufficient permissions. Required role: operator"),
        (OPERATOR_BY_KEY, NOTHING, "Missing API key. Provide X-API-Key header."),
        (OPERATOR_BY_KEY, WRONG_KEY, "Invalid API key"),
        (OPERATOR, {"x-api-key": "swy_unknown"}, "Invalid API key"),
        (OPERATOR, {"authorization": "Bearer swy_unknown"}, "Invalid authentication token"),
        (OPERATOR, {"authorization": "Bearer swy_expired"}, "Token has expired"),
        (within("tasks", reads=False), READER, "Insufficient permissions. Required scope: tasks"),
        (within("auth", reads=True), READER, "Insufficient permissions. Required scope: auth:read"),
        (ROBOT, WRONG_WORKER, "Invalid or expired API token"),
        (ROBOT, VIEWER, "Insufficient permissions. Required role: admin"),
        (OPERATOR, ROBOTS_OWN, "Insufficient permissions. Required: the credential of an account"),
    ],
)
async def test_refusals_are_in_the_documented_words(rule: Rule, sent: dict[str, str], sentence: str) -> None:
    with pytest.raises(SwitchyardError) as refusal:
        await admit(gate(), rule, sent, ELSEWHERE)

    assert refusal.value.message == sentence


@pytest.mark.parametrize("sent", [NOTHING, FORGED, WRONG_KEY])
async def test_in_development_mode_everybody_is_admin(sent: dict[str, str]) -> None:
    caller = await admit(gate(dev_mode=True), OPERATOR, sent, ELSEWHERE)

    assert caller.role == access_pb2.ROLE_ADMIN


async def test_in_development_mode_workers_still_need_their_token() -> None:
    with pytest.raises(CredentialMissing):
        await admit(gate(dev_mode=True), WORKER, NOTHING, HERE)


async def test_a_local_caller_is_admin_of_every_tenant() -> None:
    caller = await admit(gate(), OPERATOR_OR_LOCAL, NOTHING, HERE)

    assert (caller.role, caller.tenant_id, caller.worker) == (access_pb2.ROLE_ADMIN, None, False)


async def test_robots_on_this_machine_need_a_token_once_that_is_asked_for() -> None:
    asking = gate(robot_auth=True)

    with pytest.raises(CredentialMissing):
        await asking.identify(ROBOT_OR_LOCAL, NOTHING, HERE)

    assert (await admit(asking, OPERATOR_OR_LOCAL, NOTHING, HERE)).name == "local"
    assert (await admit(asking, ROBOT_OR_LOCAL, ROBOTS_OWN, HERE)).robot_id == "robot-1"


async def test_a_robot_is_of_its_tenant_and_speaks_for_itself() -> None:
    robot, worker = [await admit(gate(), ROBOT, sent, ELSEWHERE) for sent in (ROBOTS_OWN, WORKERS)]

    assert (robot.robot_id, robot.tenant_id, robot.worker) == ("robot-1", "acme", False)
    assert (worker.robot_id, worker.worker) == (None, True)


async def test_an_environment_has_no_role_and_is_of_its_tenant() -> None:
    environment = await admit(gate(), OPERATOR_OR_ENVIRONMENT, ENVIRONMENTS_OWN, ELSEWHERE)

    assert (environment.environment_id, environment.tenant_id) == ("env-1", "acme")
    assert (environment.role, environment.worker, environment.robot_id) == (access_pb2.ROLE_UNSPECIFIED, False, None)


GATEWAY_SAYS: Final = {"x-gateway-client": "198.51.100.7", "x-gateway-local": "1"}


@pytest.mark.parametrize(
    ("sent", "peer", "loopback_listener", "way"),
    [
        # Over gRPC the peer counts, and where the port can be reached from.
        (NOTHING, "ipv4:127.0.0.1:5000", True, HERE),
        (NOTHING, "ipv6:%5B::1%5D:5000", True, Way(True, "::1")),
        (NOTHING, "unix:/run/x.sock", True, Way(True, "")),
        (NOTHING, "ipv4:127.0.0.1:5000", False, Way(False, "127.0.0.1")),
        (NOTHING, "ipv4:10.0.0.2:5000", True, Way(False, "10.0.0.2")),
        (NOTHING, "inproc", True, Way(False, "")),
        # A gateway with the token is believed.
        (GATEWAY_SAYS | {"x-gateway-token": "the-gateway-token"}, "inproc", False, Way(True, "198.51.100.7")),
        ({"x-gateway-token": "the-gateway-token"}, "ipv4:127.0.0.1:5000", True, Way(False, "")),
        # Whoever only claims to be one makes nobody local, from this machine neither.
        (GATEWAY_SAYS | {"x-gateway-token": "guess"}, "ipv4:127.0.0.1:5000", True, Way(False, "127.0.0.1")),
        (GATEWAY_SAYS, "ipv4:127.0.0.1:5000", True, Way(False, "127.0.0.1")),
        # Passed on by some proxy.
        ({"x-forwarded-for": "198.51.100.7"}, "ipv4:127.0.0.1:5000", True, Way(False, "127.0.0.1")),
    ],
)
def test_the_way_of_a_call_is_read_from_gateway_or_peer(
    sent: dict[str, str], peer: str, loopback_listener: bool, way: Way
) -> None:
    assert read_way(sent, peer, gateway_token=GATEWAY_TOKEN, loopback_listener=loopback_listener) == way


@pytest.mark.parametrize(
    ("rule", "here_only", "reachable"),
    [(ANYONE, False, False), (ANY_ACCOUNT, True, True), (OPERATOR, True, True), (OPERATOR_OR_LOCAL, None, True)],
)
def test_whether_a_credential_is_needed_follows_from_the_rule(
    rule: Rule, here_only: bool | None, reachable: bool
) -> None:
    assert credential_needed(rule, reachable=False) is here_only
    assert credential_needed(rule, reachable=True) is reachable


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ANYONE, "Anybody may call this, without a credential."),
        (WORKER, "Needs the worker token."),
        (ROBOT, "Needs the token of the robot, the worker token, or the role admin."),
        (
            ROBOT_OR_LOCAL,
            (
                "Needs the token of the robot, the worker token, or the role admin; a local request needs none, unless "
                "ROBOT_AUTH_ENABLED is on."
            ),
        ),
        (ANY_ACCOUNT, "Needs an account, whatever its role."),
        (OPERATOR, "Needs the role operator, or one that includes it."),
        (OPERATOR_OR_LOCAL, "Needs the role operator, or one that includes it; a local request needs no credential."),
        (OPERATOR_OR_WORKER, "Needs the role operator, or one that includes it, or the worker token."),
        (
            OPERATOR_OR_ENVIRONMENT,
            (
                "Needs the role operator, or one that includes it, or the environment's own token; a local request "
                "needs no credential."
            ),
        ),
    ],
)
def test_who_may_call_is_told_in_one_sentence(rule: Rule, words: str) -> None:
    assert who_may_call(rule, reachable=False) == words


def test_no_request_is_local_on_a_listener_that_others_reach() -> None:
    assert who_may_call(OPERATOR_OR_LOCAL, reachable=True) == "Needs the role operator, or one that includes it."


def test_only_known_metadata_is_read() -> None:
    metadata = (("x-api-key", "k"), ("x-other", "o"), ("x-api-token", b"bytes"))

    assert read_metadata(metadata) == {"x-api-key": "k"}


def test_a_method_without_access_is_refused() -> None:
    from grpc_health.v1 import health_pb2

    method = health_pb2.DESCRIPTOR.services_by_name["Health"].methods_by_name["Check"]

    with pytest.raises(AccessMissing, match=r"grpc\.health\.v1\.Health\.Check"):
        rule_of(method)
