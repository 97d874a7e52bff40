"""Which calls are made again, against a server that says what it is told to say."""

import asyncio
import datetime
import ipaddress
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from switchyard.bots.v1 import bot_instance_pb2, bot_instance_service_pb2, run_service_pb2
from switchyard_client import AsyncClient, Client, Retry, errors
from tests.integration.client.scripted_server import ScriptedServer, given, refused, scripted_server
from tests.ports import free_port

BOT = given(bot_instance_service_pb2.GetBotInstanceResponse(bot_instance=bot_instance_pb2.BotInstance(id="b")))
AWAY = refused(grpc.StatusCode.UNAVAILABLE)
QUICK = Retry(attempts=3, first_seconds=0.01)

Call = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture(params=["waits", "asyncio"])
def call(request: pytest.FixtureRequest, server: ScriptedServer) -> Call:
    """Make one call with either client."""

    def waiting(make: Callable[[Any], Any]) -> Any:
        with Client(server.address, retry=QUICK, headers={"X-Of-Client": "1"}) as client:
            return make(client)

    def by_asyncio(make: Callable[[Any], Any]) -> Any:
        async def main() -> Any:
            async with AsyncClient(server.address, retry=QUICK, headers={"X-Of-Client": "1"}) as client:
                return await make(client)

        return asyncio.run(main())

    return waiting if request.param == "waits" else by_asyncio


def test_a_call_that_reads_is_made_again(server: ScriptedServer, call: Call) -> None:
    server.answers.extend([AWAY, AWAY, BOT])

    assert call(lambda client: client.bots.get("b")).id == "b"


def test_patience_has_an_end(server: ScriptedServer, call: Call) -> None:
    server.answers.append(AWAY)

    with pytest.raises(errors.Unavailable):
        call(lambda client: client.bots.get("b"))

    assert len(server.requests) == QUICK.attempts


def test_a_call_with_a_key_is_made_again_with_the_same_key(server: ScriptedServer, call: Call) -> None:
    server.answers.extend([AWAY, given(run_service_pb2.StartRunResponse(run_id="r"))])

    assert call(lambda client: client.bots.start("b")).run_id == "r"

    first, second = (run_service_pb2.StartRunRequest.FromString(each) for each in server.requests)
    assert len(first.request_id) == 32
    assert second == first


def test_calls_have_keys_of_their_own(server: ScriptedServer, call: Call) -> None:
    server.answers.append(given(run_service_pb2.StartRunResponse(run_id="r")))

    for _ in range(2):
        call(lambda client: client.bots.start("b"))

    first, second = (run_service_pb2.StartRunRequest.FromString(each) for each in server.requests)
    assert first.request_id != second.request_id


def test_a_call_that_could_do_a_thing_twice_is_made_once(server: ScriptedServer, call: Call) -> None:
    server.answers.append(AWAY)

    with pytest.raises(errors.Unavailable):
        call(lambda client: client.bots.stop("b"))

    assert len(server.requests) == 1


def test_who_is_told_when_to_come_back_comes_back_whatever_the_call(server: ScriptedServer, call: Call) -> None:
    server.answers.extend(
        [
            refused(grpc.StatusCode.RESOURCE_EXHAUSTED, reason="ERROR_REASON_TOO_MANY_ATTEMPTS", retry_after=0.02),
            given(run_service_pb2.StopRunResponse(ok=True)),
        ]
    )

    assert call(lambda client: client.bots.stop("b")).ok


def test_who_would_have_to_wait_too_long_is_told_how_long(server: ScriptedServer, call: Call) -> None:
    server.answers.append(
        refused(grpc.StatusCode.RESOURCE_EXHAUSTED, reason="ERROR_REASON_TOO_MANY_ATTEMPTS", retry_after=300)
    )

    with pytest.raises(errors.TooManyAttempts) as refusal:
        call(lambda client: client.bots.get("b"))

    assert refusal.value.retry_after == 300
    assert len(server.requests) == 1


def test_a_reason_newer_than_the_client_is_the_exception_of_its_code(server: ScriptedServer, call: Call) -> None:
    server.answers.append(refused(grpc.StatusCode.NOT_FOUND, reason="ERROR_REASON_OF_TOMORROW"))

    with pytest.raises(errors.NotFound) as refusal:
        call(lambda client: client.bots.get("b"))

    assert (refusal.value.reason, refusal.value.metadata) == ("ERROR_REASON_OF_TOMORROW", {"mentioned": "this"})


def test_a_reason_of_somebody_else_is_not_taken_for_ours(server: ScriptedServer, call: Call) -> None:
    server.answers.append(
        refused(grpc.StatusCode.FAILED_PRECONDITION, reason="ERROR_REASON_RUN_ACTIVE", domain="elsewhere")
    )

    with pytest.raises(errors.SwitchyardError) as refusal:
        call(lambda client: client.bots.get("b"))

    assert type(refusal.value) is errors.SwitchyardError
    assert refusal.value.reason == ""


def test_details_that_cannot_be_read_leave_the_code(server: ScriptedServer, call: Call) -> None:
    def refuse(context: Any) -> bytes:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        raise AssertionError("abort raises")

    server.answers.append(refuse)

    with pytest.raises(errors.PermissionDenied, match="no"):
        call(lambda client: client.bots.get("b"))


def test_headers_of_client_and_call_go_with_it(server: ScriptedServer, call: Call) -> None:
    server.answers.append(BOT)

    call(lambda client: client.bots.get("b", headers={"X-Request-ID": "mine"}))

    assert server.metadata[0]["x-of-client"] == "1"
    assert server.metadata[0]["x-request-id"] == "mine"


@pytest.mark.parametrize("of_client", [Client, AsyncClient])
def test_a_server_that_is_not_there_is_unavailable(of_client: type[Client] | type[AsyncClient]) -> None:
    client: Any = of_client(f"127.0.0.1:{free_port()}", retry=Retry(attempts=2, first_seconds=0.01))

    async def main() -> None:
        await client.bots.get("b")

    with pytest.raises(errors.Unavailable):
        client.bots.get("b") if of_client is Client else asyncio.run(main())


def test_tls_is_spoken_with_the_certificates_one_is_given() -> None:
    key, certificate = self_signed()
    with scripted_server(grpc.ssl_server_credentials([(key, certificate)])) as server:
        server.answers.append(BOT)
        with Client(server.address, api_key="k", tls=grpc.ssl_channel_credentials(certificate)) as client:
            assert client.bots.get("b").id == "b"
        strangers = Client(server.address, tls=True, retry=Retry(attempts=1))
        with strangers, pytest.raises(errors.Unavailable):
            strangers.bots.get("b")

    assert len(server.requests) == 1


def self_signed() -> tuple[bytes, bytes]:
    """Return key and certificate of 127.0.0.1, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)
