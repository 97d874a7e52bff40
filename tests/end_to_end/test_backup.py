"""A backup is taken while runs are at work, and a server starts on what it gives back."""

import os
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.system import ROOT, System
from tests.integration.database.databases import POSTGRES_PROGRAMS, USUAL_DIALECT, bare_database_url

IN_USE = {"sqlite": "in use by another server", "postgresql": "others are connected to the database"}


def switchyard(system: System, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.cli.main", *map(str, words)]
    path = f"{POSTGRES_PROGRAMS}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **system.environment, "DATA_DIR": str(system.data_dir)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_what_was_answered_before_a_backup_began_is_in_it(system_of_short_leases: System, tmp_path: Path) -> None:
    system = system_of_short_leases
    bot = system.create_instance()
    finished = system.start_run(bot)
    system.wait_for(bot, finished, "success")
    lines = system.log_lines(bot, finished)
    busy = system.create_instance()
    running = system.start_run(busy, params={"lines": 2000, "pause": 0.01})

    saved = switchyard(system, "backup", tmp_path / "backup")
    assert saved.returncode == 0, saved.stderr
    refused = switchyard(system, "restore", tmp_path / "backup", "--force")
    assert IN_USE[USUAL_DIALECT] in refused.stderr

    empty = bare_database_url(USUAL_DIALECT, tmp_path / "restored" / "data")
    with System(tmp_path / "restored", {**system.environment, "DATABASE_URL": empty}) as restored:
        given = switchyard(restored, "restore", tmp_path / "backup")
        assert given.returncode == 0, given.stderr
        restored.start()
        assert restored.log_lines(bot, finished) == lines
        # The worker that held it is none of this system; it does not stay as running for ever.
        lost = restored.wait_for(busy, running, "error")
        assert lost["error_code"] == "WorkerLost"
