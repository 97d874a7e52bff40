"""A gRPC server that gives one answer to every unary call: `python -m benchmarks.peers.grpc_answers PORT`."""

import asyncio
import sys
from typing import Any

import grpc

from switchyard.bots.v1 import bot_instance_pb2, bot_instance_service_pb2

ANSWER = bot_instance_service_pb2.GetBotInstanceResponse(
    bot_instance=bot_instance_pb2.BotInstance(id="bot", owner_id="ada", bot_code="noop")
).SerializeToString()


class Answers(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """Serves every method."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(answer)


async def answer(request: bytes, context: Any) -> bytes:
    return ANSWER


async def main() -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Answers(),))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    await server.start()
    await server.wait_for_termination()


asyncio.run(main())
