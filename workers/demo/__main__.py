"""`python -m workers.demo --port 8090`: serves the demo feed until it is interrupted."""

import argparse

from workers.demo.server import serve

parser = argparse.ArgumentParser(prog="python -m workers.demo", description="Serves a demo feed to post to.")
parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
parser.add_argument("--port", type=int, default=8090, help="port to listen on, 0 for any (%(default)s)")
arguments = parser.parse_args()
serve(arguments.host, arguments.port)
