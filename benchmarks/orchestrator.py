"""What the benchmarks of the orchestrator share: a server without limits, its admin, a fleet's credential."""

from collections.abc import Sequence
from typing import Final

import grpc

from switchyard.orchestrator.v1 import node_type_service_pb2, node_type_service_pb2_grpc
from tests.end_to_end.system import System

ADMIN_PASSWORD: Final = "p" * 20
WORKER_TOKEN: Final = "w" * 40
SETTINGS: Final = {
    "ADMIN_PASSWORD": ADMIN_PASSWORD,
    "WORKER_TOKEN": WORKER_TOKEN,
    "METRICS_RATE_LIMIT_ENABLED": "false",
    "ACCESS_LOG": "false",
}
WORKER: Final = (("x-api-token", WORKER_TOKEN),)


def headers(system: System) -> dict[str, str]:
    """Log in and return what an admin sends."""
    answer = system.client.post("/api/v1/auth/login", json={"username": "admin", "password": ADMIN_PASSWORD})
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def publish_node_types(system: System, names: Sequence[str]) -> None:
    """Make node types known, as a worker does at its start."""
    types = [node_type_service_pb2.NodeType(name=name) for name in names]
    request = node_type_service_pb2.PublishNodeTypesRequest(node_types=types, version="bench")
    with grpc.insecure_channel(f"127.0.0.1:{system.grpc_port}") as channel:
        node_type_service_pb2_grpc.NodeTypeServiceStub(channel).PublishNodeTypes(request, metadata=WORKER)
