"""The service behind a `grpc.aio` server, for transcoders that stand before one."""

import sys

import grpc
import uvloop

from benchmarks.peers import items


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((items.handlers(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
