"""What a machine is told to do for a command: run it in the container, and end it when nobody waits for it any more.

Pure. Who ends `docker exec` does not end what that runs (https://github.com/moby/moby/issues/9098). So everything that
a command starts carries a mark among its variables, by which the machine finds and ends it. That nobody waits is seen
by the end of the input, which comes however the connection ends: by a cancellation here, by a worker that was killed.
"""

import shlex
from collections.abc import Sequence
from typing import Final

from workers.environments.provider import WORKSPACE

RUNNING: Final = "sudo docker inspect --format '{{.State.Running}}' environment"
_VARIABLE: Final = "SWITCHYARD_EXEC"

# $1: the mark, $2: how many arguments there are. The input has them, each ended by NUL: no shell reads them, and they
# may be longer than a command line (MAX_ARG_STRLEN of Linux, 128 KiB).
_SCRIPT: Final = f"""\
marked={_VARIABLE}=$1
pids() {{ grep -lzsxF "$marked" /proc/[0-9]*/environ | cut -d/ -f3; }}
runs() {{ kill -0 "$command" || [ -n "$(pids)" ]; }}
end() {{
  kill -TERM $(pids)
  for _ in {{1..20}}; do runs || return; sleep 0.1; done
  while runs; do kill -KILL $(pids); sleep 0.1; done
}}

exec 3<&0
mapfile -d '' -t -n "$2" -u 3 arguments
docker exec -e "$marked" -w {WORKSPACE} environment "${{arguments[@]}}" </dev/null 2>&1 3<&- &
command=$!
{{ read -r -u 3; end; }} >/dev/null 2>&1 &
watching=$!
wait "$command"
code=$?
exec 2>/dev/null
# True at the end of the input, as nothing more is ever sent.
if read -r -t 0 -u 3; then wait "$watching"; else kill "$watching"; fi
exit "$code"
"""


def remote_command(arguments: Sequence[str], mark: str) -> tuple[str, bytes]:
    """Return what the machine is to run, and what it is given to read, whose end is the end of the command.

    `mark` is a word that no other command has. Prints what the command prints, and has its exit code.
    """
    line = ["sudo", "bash", "-c", _SCRIPT, "switchyard", mark, str(len(arguments))]
    return shlex.join(line), b"".join(argument.encode() + b"\0" for argument in arguments)
