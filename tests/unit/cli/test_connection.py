"""Which server a command calls, and to whom it shows its credential."""

from pathlib import Path

import pytest

from server.cli.connection import find_target, stored_api_key
from server.cli.failures import CommandFailed, ExitCode


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "credentials.env").write_text("# made by us\nAPI_KEY=stored\nADMIN_PASSWORD=x\n")
    return tmp_path


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, "127.0.0.1:50051"),
        ({"GRPC_PORT": "6000"}, "127.0.0.1:6000"),
        # Bound to every address, reached at loopback.
        ({"HOST": "0.0.0.0"}, "127.0.0.1:50051"),
        ({"HOST": "::"}, "[::1]:50051"),
        ({"GRPC_HOST": "10.0.0.7"}, "10.0.0.7:50051"),
    ],
)
def test_the_environment_describes_the_server(environ: dict[str, str], address: str) -> None:
    assert find_target(None, None, environ).address == address


def test_a_server_on_this_machine_is_shown_the_stored_key(data: Path) -> None:
    target = find_target(None, None, {"DATA_DIR": str(data)})

    assert target.api_key == "stored"


@pytest.mark.parametrize("server", ["example.com:50051", "10.0.0.7:50051", "localhost.example.com:1"])
def test_a_server_elsewhere_is_not_shown_the_stored_key(data: Path, server: str) -> None:
    target = find_target(server, None, {"DATA_DIR": str(data), "API_KEY": "of-this-machine"})

    assert target.api_key is None


def test_a_named_key_goes_to_a_named_server(data: Path) -> None:
    target = find_target("example.com:50051", "mine", {"DATA_DIR": str(data)})

    assert target.api_key == "mine"


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="GRPC_PORT") as failure:
        find_target(None, None, {"GRPC_PORT": "many"})

    assert failure.value.exit_code is ExitCode.USAGE


def test_without_a_file_there_is_no_stored_key(tmp_path: Path) -> None:
    assert stored_api_key(tmp_path / "credentials.env") is None
