"""Types a block into a shell, as printed; the curl in it is the real one."""

import json
import os
import re
import shlex
import subprocess

from tests.end_to_end.published.facts import Call, Fact, filled_json
from tests.end_to_end.published.world import CALL_SECONDS, World

# A proxy of this machine is none of the example's business.
CURL = f"curl() {{ command curl --silent --show-error --noproxy '*' --max-time {CALL_SECONDS} \"$@\"; }}"


def run(world: World, fact: Fact, text: str | None) -> None:
    """Run the block; each pattern that the facts give must fit a line it shows."""
    if text is None:
        text = "\n".join(command(world, call) for call in fact.calls)
    stand_by = [f"{name}() {{ :; }}" for name in fact.stands_by]
    done = subprocess.run(
        ["bash", "-c", "\n".join([CURL, *stand_by, world.fill(text)])],
        cwd=world.folder,
        env={**os.environ, "TOKEN": world.values.get("token", "")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for pattern in fact.prints:
        assert any(re.fullmatch(world.fill(pattern), line) for line in lines), (pattern, lines)


def command(world: World, call: Call) -> str:
    """Return the command that makes a call."""
    words = ["curl", "-N", "-X", call.method, world.url(call)]
    for name, value in (call.sends or {}).items():
        words += ["-H", f"{name}: {world.fill(value)}"]
    if call.body is not None:
        words += ["-d", json.dumps(filled_json(call.body, world.values))]
    for name, value in (call.form or {}).items():
        words += ["-F", f"{name}={value}"]
    return shlex.join(words)
