"""Entry of the zygote: `python -m workers.runner <descriptor> <pid of the worker> <name=module:function> ...`."""

import socket
import sys

from workers.runner import linux, zygote


def main() -> None:
    """Serve the worker that started this process."""
    descriptor, worker, *programs = sys.argv[1:]
    linux.die_with_parent(int(worker))
    zygote.serve(socket.socket(fileno=int(descriptor)), dict(program.split("=", 1) for program in programs))


if __name__ == "__main__":
    main()
