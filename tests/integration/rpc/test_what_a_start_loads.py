"""A start is short: it loads what every process needs, and what it has loaded is no longer searched for garbage."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.database.databases import server_settings

ROOT = Path(__file__).parents[3]
# Says at the end of a server whether garbage was collected, and whether what the start has made was left out of it.
TELLING = """
import atexit, gc
from server.__main__ import main
assert not gc.isenabled()
atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count() > 100_000))
main()
"""


@pytest.mark.parametrize(
    ("entry", "unneeded"),
    [
        ("server.main", "asyncpg"),  # only for a database in Postgres
        ("server.main", "sqlalchemy.orm"),  # as above, by way of sqlalchemy.ext.asyncio
        ("server.main", "opentelemetry"),  # only where traces are wanted
        ("workers.main", "aiohttp"),  # only within runs, and for webhooks
    ],
)
def test_what_few_need_is_not_loaded(entry: str, unneeded: str) -> None:
    script = f"import sys, {entry}; print({unneeded!r} in sys.modules)"

    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"


def test_a_running_server_collects_garbage_but_spares_what_it_began_with(tmp_path: Path) -> None:
    environ = {"DATA_DIR": str(tmp_path), "PORT": "0", "AGENT_PORT": "0", "GRPC_PORT": "0"}
    server = subprocess.Popen(
        [sys.executable, "-c", TELLING],
        cwd=ROOT,
        env=server_settings(tmp_path, environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("switchyard server:")
        server.terminate()
        told, log = server.communicate(timeout=60)
    finally:
        server.kill()
        server.wait()

    assert told.split() == ["True", "True"], log
