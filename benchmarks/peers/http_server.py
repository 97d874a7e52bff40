"""Serves `make_app()` of a module beside this one: `python -m benchmarks.peers.http_server PORT SERVER MODULE`.

SERVER is uvicorn, in one process on one loop, or granian, with one worker and the network in a thread of its own. All
applications get the same settings: uvloop, no access log, nothing in between. On uvicorn the gateway comes with the
connection that it is served with everywhere; everybody else has uvicorn's own.
"""

import os
import sys

import uvicorn

from gateway.serving.http_connection import HttpConnection

GATEWAY = "gateway_items"


def main(port: str, server: str, module: str) -> None:
    """Serve until the process is ended."""
    target = f"benchmarks.peers.{module}:make_app"
    if server == "granian":
        options = ["--factory", "--interface", "asginl", "--port", port, "--loop", "uvloop", "--log-level", "warning"]
        os.execv(sys.executable, [sys.executable, "-m", "granian", *options, target])
    uvicorn.run(
        target,
        factory=True,
        port=int(port),
        http=HttpConnection if module == GATEWAY else "httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
