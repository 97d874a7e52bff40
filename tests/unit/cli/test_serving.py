"""The hand-made health call against a real gRPC server."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from server.cli.installation.serving import is_serving

Server = tuple[health.HealthServicer, int]


@pytest.fixture
def server() -> Iterator[Server]:
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads)
        servicer = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield servicer, port
        server.stop(None).wait()


def test_a_serving_server_is_recognised(server: Server) -> None:
    _, port = server

    assert is_serving("127.0.0.1", port)


def test_a_server_that_is_not_serving_yet_is_recognised(server: Server) -> None:
    servicer, port = server
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)

    assert not is_serving("127.0.0.1", port)


def test_a_program_that_speaks_something_else_is_not_serving() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = threading.Thread(target=answer_as_http_1, args=(listener,))
        answering.start()

        assert not is_serving("127.0.0.1", listener.getsockname()[1])

        answering.join()


def answer_as_http_1(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def test_nobody_there_is_not_serving() -> None:
    assert not is_serving("127.0.0.1", 1)
