"""The editor's command line and variables, and the settings of the worker for them."""

import os
import socket
from pathlib import Path

import pytest

from workers.config import SettingInvalid, read_config
from workers.environments.local import editor
from workers.environments.local.folder import Folder


def test_places_of_the_command_are_filled_in_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "{port}", "env-a")

    command = editor.filled_in(["code", "--bind-addr", "{host}:{port}", "{workspace}", "{other}"], folder, 8443)

    assert command == ["code", "--bind-addr", "127.0.0.1:8443", str(folder.workspace), "{other}"]


def test_a_taken_port_is_replaced_and_a_free_one_kept() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert editor.free_port(port) not in (0, port)

    assert editor.free_port(port) == port


def test_git_answers_github_with_the_token_only_if_there_is_one(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "env-a")

    def variables(**secrets: str) -> dict[str, str]:
        return editor.variables_of(folder, {}, secrets, password="p", runtime_dir="/run/x")

    assert "GIT_CONFIG_COUNT" not in variables()
    assert variables(GITHUB_TOKEN="t")["GIT_CONFIG_KEY_0"] == "credential.https://github.com.helper"
    assert "t" not in variables(GITHUB_TOKEN="t")["GIT_CONFIG_VALUE_0"].split("$")[0].split()
    assert variables(GIT_USER_NAME="Ada")["GIT_COMMITTER_NAME"] == "Ada"


@pytest.mark.parametrize("command", ["code-server --port 8443", "code-server '{port}"])
def test_a_command_that_cannot_be_used_stops_the_start(command: str) -> None:
    with pytest.raises(SettingInvalid, match="LOCAL_IDE_COMMAND"):
        read_config({"LOCAL_IDE_COMMAND": command})


def test_a_command_is_read_as_a_shell_would() -> None:
    config = read_config({"LOCAL_IDE_COMMAND": "'/opt/my editor' --port={port}"})

    assert config.local_ide_command == ["/opt/my editor", "--port={port}"]


def test_only_what_has_started_this_worker_counts_as_up() -> None:
    assert read_config({"SWITCHYARD_UP_PID": str(os.getppid())}).up_pid == os.getppid()
    assert read_config({"SWITCHYARD_UP_PID": "1x"}).up_pid is None
    assert read_config({"SWITCHYARD_UP_PID": str(os.getpid())}).up_pid is None
    assert read_config({}).up_pid is None
