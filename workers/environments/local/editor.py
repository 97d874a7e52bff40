"""The editor of an environment: its command line, its variables, its port. JupyterLab, or any other program."""

import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from workers.environments.local.folder import Folder

HOST: Final = "127.0.0.1"
ROOT: Final = Path(__file__).parents[3]
# Where `make setup` puts JupyterLab.
JUPYTER_VENV: Final = ROOT / ".venv-ide"

_JUPYTER: Final = (
    str(JUPYTER_VENV / "bin" / "jupyter-lab"),
    "--no-browser",
    "--allow-root",
    "--ip={host}",
    "--ServerApp.port={port}",
    "--ServerApp.port_retries=0",
    "--ServerApp.root_dir={workspace}",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)

# What of our own variables goes in; all others may be secrets.
_PASSED_ON: Final = re.compile(r"PATH|TZ|LANG|LC_\w+")
# Not secret, so that a log may show them.
_NO_SECRETS: Final = frozenset({"GIT_USER_NAME", "GIT_USER_EMAIL", "SSH_PUBLIC_KEY"})
# Lets git answer github.com with the token, which is then in no file.
_GITHUB_HELPER: Final = '!f() { echo username=x-access-token; echo "password=$GITHUB_TOKEN"; }; f'


class NoEditor(Exception):
    """No editor is installed."""


def command_of(configured: Sequence[str]) -> Sequence[str]:
    """Return the command line of the editor, with {host}, {port} and {workspace} to be filled in.

    Raises:
        NoEditor: none is configured, and JupyterLab is not there.
    """
    if configured:
        return configured
    if not os.access(_JUPYTER[0], os.X_OK):
        raise NoEditor
    return _JUPYTER


def page_of(command: Sequence[str]) -> str:
    """Return the path at which the editor opens."""
    return "/lab" if Path(command[0]).name == "jupyter-lab" else "/"


def programs_of(command: Sequence[str]) -> list[str]:
    """Return the folders that have to be seen for the command, and for what runs beside it."""
    shown = {str(ROOT), sys.prefix, sys.base_prefix, str(JUPYTER_VENV)}
    for program in (Path(command[0]), JUPYTER_VENV / "bin" / "python"):
        if program.is_absolute():
            shown.add(str(program.resolve().parents[1]))
    return sorted(shown)


def filled_in(command: Sequence[str], folder: Folder, port: int) -> list[str]:
    """Return the command line for this start."""
    places = {"{host}": HOST, "{port}": str(port), "{workspace}": str(folder.workspace)}
    pattern = re.compile("|".join(map(re.escape, places)))
    return [pattern.sub(lambda found: places[found[0]], word) for word in command]


def variables_of(
    folder: Folder, variables: Mapping[str, str], secrets: Mapping[str, str], *, password: str, runtime_dir: str
) -> dict[str, str]:
    """Return the variables of everything that runs in the environment."""
    own = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    own |= {"HOME": str(folder.home), "USER": "dev", "SHELL": "/bin/bash", "TERM": "xterm-256color"}
    # Kept in memory: what lies there names the token.
    own |= {"XDG_RUNTIME_DIR": runtime_dir, "JUPYTER_RUNTIME_DIR": runtime_dir}
    own |= {"JUPYTER_TOKEN": password, "PASSWORD": password}
    identity = {"ENVIRONMENT_ID": folder.environment_id}
    return {**own, **variables, **secrets, **_git_variables(secrets), **identity}


def hidden_in_logs(secrets: Mapping[str, str], password: str) -> list[str]:
    """Return the values that no log shows."""
    return [password, *(value for name, value in secrets.items() if name not in _NO_SECRETS)]


def free_port(wanted: int) -> int:
    """Return `wanted` if it is free on this machine, else another port that is; 0 wants any."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as editors do
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise OSError(f"{HOST} has no free port")


def _git_variables(secrets: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        for part in ("NAME", "EMAIL"):
            if value := secrets.get(f"GIT_USER_{part}"):
                found[f"GIT_{role}_{part}"] = value
    if secrets.get("GITHUB_TOKEN"):
        found |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "credential.https://github.com.helper",
            "GIT_CONFIG_VALUE_0": _GITHUB_HELPER,
        }
    return found
