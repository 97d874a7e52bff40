"""Entry of the zygote: `python -m workers.runner <descriptor> <pid of the worker> <module:function>`."""

import socket
import sys

from workers.runner import linux, zygote


def main() -> None:
    """Serve the worker that started this process."""
    descriptor, worker, program = sys.argv[1:]
    linux.die_with_parent(int(worker))
    zygote.serve(socket.socket(fileno=int(descriptor)), program)


if __name__ == "__main__":
    main()
