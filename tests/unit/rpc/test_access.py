"""Who is let in: every kind of credential against every kind of rule."""

from typing import Final

import pytest

from server.errors import CredentialInvalid, CredentialMissing, PermissionDenied, SwitchyardError
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
from server.rpc.caller import Caller
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

NOTHING: Final[dict[str, str]] = {}
KEY: Final = {"x-api-key": API_KEY}
WRONG_KEY: Final = {"x-api-key": API_KEY + "x"}
VIEWER: Final = {"authorization": "Bearer viewer"}
DEVELOPER: Final = {"authorization": "bearer developer"}
FORGED: Final = {"authorization": "Bearer forged"}
BASIC: Final = {"authorization": "Basic dXNlcjpwYXNz"}
WORKERS: Final = {"x-api-token": WORKER_TOKEN}
WRONG_WORKER: Final = {"x-api-token": "é"}


def read_token(token: str, address: str) -> Caller:
    """Stand in for signed tokens: the token is the name of the role."""
    roles = {"viewer": access_pb2.ROLE_VIEWER, "developer": access_pb2.ROLE_DEVELOPER}
    if token not in roles:
        raise CredentialInvalid("Invalid authentication token")
    return Caller(name=token, role=roles[token], address=address, session_id="s")


def gate(*, dev_mode: bool = False) -> Gate:
    return Gate(api_key=API_KEY, worker_token=WORKER_TOKEN, dev_mode=dev_mode, read_token=read_token)


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
    ],
)
def test_credentials_are_judged_by_the_rule(
    rule: Rule, sent: dict[str, str], way: Way, expected: str | type[SwitchyardError]
) -> None:
    if isinstance(expected, str):
        assert gate().admit(rule, sent, way).name == expected
    else:
        with pytest.raises(expected):
            gate().admit(rule, sent, way)


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
    ],
)
def test_refusals_are_in_the_documented_words(rule: Rule, sent: dict[str, str], sentence: str) -> None:
    with pytest.raises(SwitchyardError) as refusal:
        gate().admit(rule, sent, ELSEWHERE)

    assert refusal.value.message == sentence


@pytest.mark.parametrize("sent", [NOTHING, FORGED, WRONG_KEY])
def test_in_development_mode_everybody_is_admin(sent: dict[str, str]) -> None:
    caller = gate(dev_mode=True).admit(OPERATOR, sent, ELSEWHERE)

    assert caller.role == access_pb2.ROLE_ADMIN


def test_in_development_mode_workers_still_need_their_token() -> None:
    with pytest.raises(CredentialMissing):
        gate(dev_mode=True).admit(WORKER, NOTHING, HERE)


def test_a_local_caller_is_admin_of_every_tenant() -> None:
    caller = gate().admit(OPERATOR_OR_LOCAL, NOTHING, HERE)

    assert (caller.role, caller.tenant_id, caller.worker) == (access_pb2.ROLE_ADMIN, None, False)


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
        (ANY_ACCOUNT, "Needs an account, whatever its role."),
        (OPERATOR, "Needs the role operator, or one that includes it."),
        (OPERATOR_OR_LOCAL, "Needs the role operator, or one that includes it; a local request needs no credential."),
        (OPERATOR_OR_WORKER, "Needs the role operator, or one that includes it, or the worker token."),
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
