"""Every credential against every method of the contract, through the real interceptor over a real channel.

What is expected is worked out here from the contract's own words, `(switchyard.auth.v1.access)`, apart from the code
that decides. Behind the interceptor stands a servicer that lets everything pass, so a call that is let in succeeds.
"""

import asyncio
import hashlib
import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import grpc
import jwt
import pytest
import pytest_asyncio
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from prometheus_client import CollectorRegistry

import switchyard
from server.accounts import store
from server.accounts.api_tokens import api_token_store
from server.accounts.api_tokens.api_token_store import ApiTokenRow
from server.accounts.api_tokens.known_tokens import KnownTokens, digest_of
from server.accounts.robot_tokens import RobotTokens
from server.accounts.store import UserRow
from server.accounts.tokens import Identity, Tokens
from server.database.database import Database, open_database
from server.rpc.access import Gate
from server.rpc.caller import CALLER, Caller, EnvironmentCredential, RobotCredential
from server.rpc.interceptor import Interceptor, policies_of
from server.rpc.metrics import CallMetrics
from switchyard.auth.v1 import access_pb2
from tests.integration.database.databases import USUAL_DIALECT, database_url

NOW: Final = 1_700_000_000_000_000
HOUR: Final = 3_600_000_000
SECRET: Final = "s" * 64
VIEWER, OPERATOR, DEVELOPER, ADMIN = (
    access_pb2.ROLE_VIEWER,
    access_pb2.ROLE_OPERATOR,
    access_pb2.ROLE_DEVELOPER,
    access_pb2.ROLE_ADMIN,
)
ROLE_WORDS: Final = {VIEWER: "viewer", OPERATOR: "operator", DEVELOPER: "developer", ADMIN: "admin"}
# What a gateway says of a request from another machine.
ELSEWHERE: Final = (("x-gateway-token", "the-gateway-token"), ("x-gateway-client", "203.0.113.9"))

UNAUTHENTICATED: Final = grpc.StatusCode.UNAUTHENTICATED
FORBIDDEN: Final = grpc.StatusCode.PERMISSION_DENIED
Outcome = tuple[grpc.StatusCode, str]
LET_IN: Final[Outcome] = (grpc.StatusCode.OK, "")
INVALID: Final[Outcome] = (UNAUTHENTICATED, "Invalid authentication token")
EXPIRED: Final[Outcome] = (UNAUTHENTICATED, "Token has expired")
WRONG_TYPE: Final[Outcome] = (UNAUTHENTICATED, "Invalid token type. Use access token.")
WRONG_ROBOT: Final[Outcome] = (UNAUTHENTICATED, "Invalid or expired API token")


def services() -> Iterator[ServiceDescriptor]:
    for module in pkgutil.walk_packages(switchyard.__path__, "switchyard."):
        if module.name.endswith("_pb2"):
            yield from importlib.import_module(module.name).DESCRIPTOR.services_by_name.values()


SERVICES: Final = list(services())
METHODS: Final = [method for service in SERVICES for method in service.methods]


@dataclass(frozen=True)
class Sent:
    """What comes with the calls of one row of the table, and what is true of it.

    `refused` is the answer to a credential that is no good in itself. `role` is that of an account, `machine` is
    "worker", "robot" or "environment".
    """

    key: str = ""
    value: str = ""
    refused: Outcome | None = None
    role: int | None = None
    machine: str = ""
    scopes: tuple[str, ...] = ()
    tenant_id: str | None = None
    here: bool = False
    for_robot: str = "robot-1"
    for_environment: str = "env-1"
    robot_auth: bool = False

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (*(() if self.here else ELSEWHERE), *(((self.key, self.value),) if self.key else ()))


def expected(method: MethodDescriptor, sent: Sent) -> Outcome:
    """Work out from the contract what comes of a call."""
    access = method.GetOptions().Extensions[access_pb2.access]
    if access.anyone:
        return LET_IN
    if not sent.key:
        if access.local and sent.here and not (access.robot and sent.robot_auth):
            return LET_IN
        words = "Missing API key. Provide X-API-Key header." if access.by_api_key else "Authentication required"
        return UNAUTHENTICATED, words
    if sent.refused is not None:
        by_key = sent.refused[1] == "Invalid API key" and access.by_api_key
        return (FORBIDDEN, sent.refused[1]) if by_key else sent.refused
    return of_machine(access, sent) if sent.machine else of_account(method, access, sent)


def of_machine(access: Any, sent: Sent) -> Outcome:
    if sent.machine == "environment" and access.environment_too:
        own = sent.for_environment == "env-1"
        return LET_IN if own else (FORBIDDEN, "Insufficient permissions. Environment env-1 only")
    if access.robot and sent.machine != "environment":
        own = sent.machine == "worker" or sent.for_robot == "robot-1"
        return LET_IN if own else (FORBIDDEN, "Insufficient permissions. Robot robot-1 only")
    if sent.machine == "worker" and (access.worker or access.worker_too):
        return LET_IN
    wanted = "a worker" if access.worker else "an account"
    return FORBIDDEN, f"Insufficient permissions. Required: the credential of {wanted}"


def of_account(method: MethodDescriptor, access: Any, sent: Sent) -> Outcome:
    if access.worker:
        return FORBIDDEN, "Insufficient permissions. Required: the credential of a worker"
    least = ADMIN if access.robot else access.role
    if (sent.role or 0) < least:
        return FORBIDDEN, f"Insufficient permissions. Required role: {ROLE_WORDS[least]}"
    package = method.full_name.split(".")[1]
    http = method.GetOptions().Extensions[annotations_pb2.http]
    by_name = re.match(r"(Get|List|Watch|Export|Download)([A-Z]|$)", method.name) is not None
    reads = (http.WhichOneof("pattern") == "get" or by_name) and not access.robot
    wide_enough = {package, f"{package}:read"} if reads else {package}
    if sent.scopes and not wide_enough & set(sent.scopes):
        return FORBIDDEN, f"Insufficient permissions. Required scope: {package}{':read' if reads else ''}"
    return LET_IN


class Site:
    """The servers, by whether robots need tokens, and whom the servicer behind them saw last, by method."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.tokens = self.tokens_with(SECRET)
        self.channels: dict[bool, grpc.aio.Channel] = {}
        self.seen: dict[str, Caller] = {}

    def clock(self) -> int:
        return self.now

    def tokens_with(self, secret_key: str) -> Tokens:
        return Tokens(
            secret_key=secret_key, algorithm="HS256", access_seconds=3600, refresh_seconds=86_400, clock=self.clock
        )

    async def session_lasts(self, session_id: str) -> bool:
        return await self.database.read(lambda connection: store.session_lasts(connection, session_id))

    async def session(self) -> str:
        return await self.database.write(
            lambda connection: store.open_session(
                connection, "ann", refresh_id="r", expire_time=NOW + 24 * HOUR, now=NOW
            )
        )

    async def access_token(self, role: Any, *, tenant_id: str | None = None) -> str:
        return self.tokens.access(Identity("ann", (role,), tenant_id), await self.session())

    async def api_token(self, secret: str, **changes: Any) -> str:
        row = ApiTokenRow(secret, "ci", DEVELOPER, None, (), "api-key", None, NOW, None)
        token = replace(row, **changes)
        await self.database.write(lambda connection: api_token_store.insert(connection, token, digest_of(secret)))
        return secret

    async def call(self, method: MethodDescriptor, sent: Sent) -> tuple[Outcome, Caller | None]:
        """Make one call and return what came of it, and whom the servicer saw."""
        request: Any = GetMessageClass(method.input_type)()
        if method.GetOptions().Extensions[access_pb2.access].robot:
            request.robot_id = sent.for_robot
        if method.GetOptions().Extensions[access_pb2.access].environment_too:
            request.environment_id = sent.for_environment
        try:
            await _call(self.channels[sent.robot_auth], method, request.SerializeToString(), sent.metadata)
        except grpc.aio.AioRpcError as error:
            return (error.code(), error.details() or ""), None
        return LET_IN, self.seen.pop(method.full_name)

    def handler_of(self, method: MethodDescriptor) -> Any:
        """Return what notes who calls, and does nothing."""
        read, answer = GetMessageClass(method.input_type).FromString, GetMessageClass(method.output_type)()

        async def one(request: Any, _context: Any) -> Any:
            if method.client_streaming:
                async for _ in request:
                    pass
            self.seen[method.full_name] = CALLER.get()
            return answer

        async def many(request: Any, context: Any) -> AsyncIterator[Any]:
            yield await one(request, context)

        kind = f"{_way(method.client_streaming)}_{_way(method.server_streaming)}_rpc_method_handler"
        behavior = many if method.server_streaming else one
        return getattr(grpc, kind)(behavior, read, lambda message: message.SerializeToString())

    def handlers(self) -> list[Any]:
        """Return handlers of all services."""
        return [
            grpc.method_handlers_generic_handler(
                service.full_name, {method.name: self.handler_of(method) for method in service.methods}
            )
            for service in SERVICES
        ]


def _way(streams: bool) -> str:
    return "stream" if streams else "unary"


async def _call(channel: grpc.aio.Channel, method: MethodDescriptor, data: bytes, metadata: Any) -> None:
    open_call = getattr(channel, f"{_way(method.client_streaming)}_{_way(method.server_streaming)}")
    request = iter([data]) if method.client_streaming else data
    call = open_call(f"/{method.containing_service.full_name}/{method.name}")(request, metadata=metadata)
    if not method.server_streaming:
        await call
        return
    async for _ in call:
        pass


def interceptor(site: Site, *, robot_auth: bool) -> Interceptor:
    async def enrolled(token: str) -> RobotCredential | None:
        return RobotCredential("robot-1", "acme") if token == "enrolled" else None

    async def find_environment(token: str) -> EnvironmentCredential | None:
        return EnvironmentCredential("env-1", "acme") if token == "of-an-environment" else None

    listed = [("robot-1", hashlib.sha256(b"listed").hexdigest())]
    gate = Gate(
        api_key="the-api-key",
        worker_token="the-worker-token",
        dev_mode=False,
        read_token=site.tokens.read_access,
        find_token=KnownTokens(site.database, site.clock).find,
        find_robot=RobotTokens(listed, enrolled).find,
        find_environment=find_environment,
        robot_auth=robot_auth,
    )
    return Interceptor(
        # Only who is let in matters here, not what the request looks like.
        {name: replace(policy, check=None) for name, policy in policies_of(SERVICES).items()},
        gate,
        gateway_token="the-gateway-token",
        loopback_listener=True,
        session_lasts=site.session_lasts,
        metrics=CallMetrics(CollectorRegistry()),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder: Path = tmp_path_factory.mktemp("matrix")
    site = Site(await open_database(database_url(USUAL_DIALECT, folder)))
    servers = []
    for robot_auth in (False, True):
        server = grpc.aio.server(interceptors=[interceptor(site, robot_auth=robot_auth)])
        server.add_generic_rpc_handlers(site.handlers())
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        servers.append(server)
        site.channels[robot_auth] = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    yield site
    for channel in site.channels.values():
        await channel.close(None)
    for server in servers:
        await server.stop(None)
    await site.database.close()


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, SECRET, ["HS256"], options={"verify_exp": False})


async def account(site: Site, role: Any, **more: Any) -> Sent:
    token = await site.access_token(role, **more)
    return Sent("authorization", f"Bearer {token}", role=role, **more)


async def token_that(site: Site, how: str) -> Sent:
    """An admin's access token that is no good."""
    good = await site.access_token(ADMIN)
    claims, refused = claims_of(good), INVALID
    match how:
        case "is expired":
            token, refused = jwt.encode(claims | {"exp": NOW // 1_000_000}, SECRET, "HS256"), EXPIRED
        case "is for refreshing":
            identity = Identity("ann", (ADMIN,), None)
            token, refused = site.tokens.refresh(identity, claims["sid"], "r"), WRONG_TYPE
        case "has another signature":
            token = good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB")
        case "says it has no signature":
            token = jwt.encode(claims, "", "none")
        case "is signed with another key":
            token = jwt.encode(claims, "x" * 64, "HS256")
        case "is signed with another algorithm":
            token = jwt.encode(claims, SECRET, "HS512")
        case "is of a session that has ended":
            token = good
            await site.database.write(lambda connection: store.end_session(connection, claims["sid"]))
        case "has no role":
            token = jwt.encode(claims | {"roles": []}, SECRET, "HS256")
        case _:
            token = how
    return Sent("authorization", f"Bearer {token}", refused=refused)


async def api_token_that(site: Site, how: str) -> Sent:
    secret = "swy_" + how.replace(" ", "-")
    refused, changes = INVALID, dict[str, Any]()
    match how:
        case "is expired":
            refused, changes = EXPIRED, {"expire_time": NOW}
        case "has a maker of another tenant":
            ann = UserRow("moved", "", (ADMIN,), "acme", NOW, NOW)
            await site.database.write(lambda connection: store.put_user(connection, ann))
            changes = {"maker": "moved", "tenant_id": "other"}
        case "has lost its maker":
            changes = {"maker": "nobody"}
    if how != "is not known":
        await site.api_token(secret, **changes)
    return Sent("authorization", f"Bearer {secret}", refused=refused)


async def api_token(site: Site, key: str, role: Any, *scopes: str, maker_role: Any = None) -> Sent:
    secret = f"swy_{key}-{role}-{'-'.join(scopes)}-{maker_role}"
    changes: dict[str, Any] = {}
    if maker_role is not None:
        maker = UserRow("demoted", "", (maker_role,), None, NOW, NOW)
        await site.database.write(lambda connection: store.put_user(connection, maker))
        changes = {"maker": "demoted"}
    await site.api_token(secret, role=role, scopes=scopes, **changes)
    value = f"Bearer {secret}" if key == "authorization" else secret
    return Sent(key, value, role=role if maker_role is None else min(role, maker_role), scopes=scopes)


BAD_TOKENS: Final = (
    "is expired",
    "is for refreshing",
    "has another signature",
    "says it has no signature",
    "is signed with another key",
    "is signed with another algorithm",
    "is of a session that has ended",
    "has no role",
    "junk",
    "a.b.c",
)

ROWS: Final[dict[str, Any]] = {
    "nothing, from elsewhere": lambda site: Sent(),
    "nothing, from here": lambda site: Sent(here=True),
    "nothing, from here, where robots need tokens": lambda site: Sent(here=True, robot_auth=True),
    **{
        f"an access token of a {ROLE_WORDS[role]}": (lambda site, role=role: account(site, role)) for role in ROLE_WORDS
    },
    "an access token of an admin of one tenant": lambda site: account(site, ADMIN, tenant_id="acme"),
    **{f"an access token that {how}": (lambda site, how=how: token_that(site, how)) for how in BAD_TOKENS},
    "an access token without the word Bearer": lambda site: Sent("authorization", "Basic YTpi", refused=INVALID),
    "the API key": lambda site: Sent("x-api-key", "the-api-key", role=ADMIN),
    "a wrong API key": lambda site: Sent("x-api-key", "guess", refused=(UNAUTHENTICATED, "Invalid API key")),
    "a wrong API key, from here": lambda site: Sent(
        "x-api-key", "guess", here=True, refused=(UNAUTHENTICATED, "Invalid API key")
    ),
    "an API token": lambda site: api_token(site, "authorization", DEVELOPER),
    "an API token as API key": lambda site: api_token(site, "x-api-key", DEVELOPER),
    "an API token of a viewer": lambda site: api_token(site, "authorization", VIEWER),
    "an API token whose maker was demoted": lambda site: api_token(site, "x-api-key", ADMIN, maker_role=VIEWER),
    "an API token for one package": lambda site: api_token(site, "authorization", ADMIN, "orchestrator"),
    "an API token that reads one package": lambda site: api_token(site, "authorization", ADMIN, "orchestrator:read"),
    "an API token with two scopes": lambda site: api_token(site, "authorization", ADMIN, "bots", "telemetry:read"),
    **{
        f"an API token that {how}": (lambda site, how=how: api_token_that(site, how))
        for how in ("is expired", "is not known", "has lost its maker", "has a maker of another tenant")
    },
    "the worker token": lambda site: Sent("x-api-token", "the-worker-token", machine="worker"),
    "a robot's token from the environment": lambda site: Sent("x-api-token", "listed", machine="robot"),
    "a robot's token for another robot": lambda site: Sent(
        "x-api-token", "listed", machine="robot", for_robot="robot-2"
    ),
    "an enrolled robot's token": lambda site: Sent("x-api-token", "enrolled", machine="robot", tenant_id="acme"),
    "an enrolled robot's token for another robot": lambda site: Sent(
        "x-api-token", "enrolled", machine="robot", tenant_id="acme", for_robot="robot-2"
    ),
    "a robot's token that is not known": lambda site: Sent("x-api-token", "guess", refused=WRONG_ROBOT),
    "a robot's token that is not known, from here": lambda site: Sent(
        "x-api-token", "guess", here=True, refused=WRONG_ROBOT
    ),
    **{
        f"an environment's token in {key}": (
            lambda site, key=key, before=before: Sent(
                key, f"{before}of-an-environment", machine="environment", tenant_id="acme"
            )
        )
        for key, before in (("authorization", "Bearer "), ("x-api-token", ""))
    },
    "an environment's token for another environment": lambda site: Sent(
        "x-api-token", "of-an-environment", machine="environment", tenant_id="acme", for_environment="env-2"
    ),
    "an environment's token for another environment, from here": lambda site: Sent(
        "authorization",
        "Bearer of-an-environment",
        machine="environment",
        tenant_id="acme",
        for_environment="env-2",
        here=True,
    ),
    "the hash of a robot's token": lambda site: Sent(
        "x-api-token", hashlib.sha256(b"listed").hexdigest(), refused=WRONG_ROBOT
    ),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("row", ROWS)
async def test_every_method_lets_in_whom_the_contract_names(site: Site, row: str) -> None:
    made = ROWS[row](site)
    sent: Sent = await made if asyncio.iscoroutine(made) else made

    found = await asyncio.gather(*(site.call(method, sent) for method in METHODS))

    wrong = {
        method.full_name: (outcome, expected(method, sent))
        for method, (outcome, _) in zip(METHODS, found, strict=True)
        if outcome != expected(method, sent)
    }
    assert wrong == {}
    assert {caller.tenant_id for _, caller in found if caller is not None and caller.name != "anonymous"} <= {
        sent.tenant_id
    }


def test_an_environment_may_report_its_activity_and_nothing_else() -> None:
    methods = [one.name for one in METHODS if one.GetOptions().Extensions[access_pb2.access].environment_too]

    assert methods == ["ReportActivity"]


def test_the_table_is_over_the_whole_contract() -> None:
    kinds = {method.GetOptions().Extensions[access_pb2.access].WhichOneof("who") for method in METHODS}

    assert len(METHODS) > 100
    assert kinds == {"anyone", "role", "worker", "authenticated", "robot"}
