"""Whom each rpc of telemetry is open to, as the contract says: by role, and to nobody who is bound to a tenant."""

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from switchyard.auth.v1 import access_pb2
from switchyard.telemetry.v1 import (
    event_service_pb2,
    live_service_pb2,
    proxy_service_pb2,
    session_service_pb2,
    statistics_service_pb2,
)
from tests.integration.database.databases import USUAL_DIALECT
from tests.integration.telemetry.serving import Telemetry, bearer, role_token

FILES = (event_service_pb2, live_service_pb2, proxy_service_pb2, session_service_pb2, statistics_service_pb2)
METHODS = {
    method.full_name: method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
GUARDED = [name for name, method in METHODS.items() if not method.GetOptions().Extensions[access_pb2.access].anyone]
# What a request has to hold to be looked at.
FILLED: dict[str, dict[str, Any]] = {
    "LogEvent": {"session_id": "s", "event_type": "click"},
    "LogEvents": {"events": [{"session_id": "s", "event_type": "click"}]},
    "GetProxy": {"id": 1},
    "CreateProxy": {"url": "a:1"},
    "UpdateProxy": {"id": 1},
    "DeleteProxy": {"id": 1},
    "GetProxyHealth": {"id": 1},
    "ReleaseProxy": {"lease_id": "x"},
    "GetSession": {"session_id": "s"},
    "RegisterSession": {"session_id": "s", "profile_id": "p"},
    "EndSession": {"session_id": "s", "success": True},
    "DeleteSession": {"session_id": "s"},
}
ROLES = (access_pb2.ROLE_VIEWER, access_pb2.ROLE_OPERATOR, access_pb2.ROLE_DEVELOPER, access_pb2.ROLE_ADMIN)

pytestmark = pytest.mark.parametrize("telemetry", [USUAL_DIALECT], indirect=True)


async def code_of(telemetry: Telemetry, method: MethodDescriptor, metadata: Any) -> grpc.StatusCode:
    """Call a method and return how that ends; what has been let in is cut off with its first answer."""
    request = GetMessageClass(method.input_type)(**FILLED.get(method.name, {}))
    call = telemetry.channel.stream_stream(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )(iter([request]), metadata=metadata, timeout=1)
    try:
        await call.read()
    except grpc.aio.AioRpcError as refusal:
        return refusal.code()
    finally:
        call.cancel()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("name", GUARDED)
async def test_nobody_who_is_bound_to_a_tenant_gets_in(telemetry: Telemetry, name: str) -> None:
    assert await code_of(telemetry, METHODS[name], bearer("acme")) is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("name", GUARDED)
async def test_a_role_opens_what_the_contract_says_and_no_more(telemetry: Telemetry, name: str) -> None:
    method = METHODS[name]
    needed = method.GetOptions().Extensions[access_pb2.access].role

    refused = [
        role
        for role in ROLES
        if await code_of(telemetry, method, role_token(role)) is grpc.StatusCode.PERMISSION_DENIED
    ]

    assert needed in ROLES
    assert refused == [role for role in ROLES if role < needed]
