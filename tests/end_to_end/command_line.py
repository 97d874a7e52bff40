"""Calls the `switchyard` command as people and programs do."""

import contextlib
import io
import json
import os
import subprocess
import sys
from typing import Any
from unittest import mock

from server.cli.main import main
from tests.end_to_end.system import ROOT, System


def command(system: System, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATA_DIR": str(system.data_dir), "GRPC_PORT": str(system.grpc_port)}
    return subprocess.Popen(
        [sys.executable, "-m", "server.cli.main", *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def switchyard(system: System, *words: str, typed: str = "") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    process = command(system, *words)
    out, err = process.communicate(typed, timeout=60)
    return process.returncode, out, err


def answer(system: System, *words: str, typed: str = "") -> Any:
    """The document that a command prints with --json."""
    exit_code, out, err = carried_out(system, *words, "--json", typed=typed)
    assert (exit_code, err) == (0, ""), (out, err)
    return json.loads(out)


def carried_out(system: System, *words: str, typed: str = "") -> tuple[int, str, str]:
    """The same as `switchyard`, in this process: without the time that Python takes to start."""
    out, err = io.StringIO(), io.StringIO()
    environment = {"DATA_DIR": str(system.data_dir), "GRPC_PORT": str(system.grpc_port)}
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(sys, "stdin", io.StringIO(typed)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        return main(words), out.getvalue(), err.getvalue()
