from pathlib import Path

import pytest

from workers.config import SettingInvalid, read_config, read_worker_token


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    config = read_config({})

    data_dir = Path("data").resolve()
    assert (config.server, config.slots, config.grace_seconds) == ("127.0.0.1:50051", 4, 10.0)
    assert config.comfy_sessions == 5
    assert (config.work_dir, config.redis_url) == (data_dir / "work", f"unix://{data_dir}/queue.sock")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_SLOTS", "0"),
        ("WORKER_SLOTS", "2.5"),
        ("COMFY_SESSIONS", "-1"),
        ("GRACE_SECONDS", "-1"),
        ("GRACE_SECONDS", "nan"),
        ("SWITCHYARD_SERVER", "localhost"),  # no port
        ("SWITCHYARD_SERVER", "127.0.0.1:50051,127.0.0.2"),
        ("SWITCHYARD_SERVER", "one.example:50051,two.example:50051"),  # gRPC knows lists of addresses only
        ("SWITCHYARD_SERVER", "127.0.0.1:50051,[::1]:50051"),
        ("REDIS_URL", "http://127.0.0.1"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=name):
        read_config({name: value})


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("server.example:50051", "server.example:50051"),
        ("127.0.0.1:50051, 127.0.0.2:50051", "ipv4:127.0.0.1:50051,127.0.0.2:50051"),
        ("[::1]:50051,[::2]:50051", "ipv6:[::1]:50051,[::2]:50051"),
    ],
)
def test_several_servers_are_named_as_grpc_names_them(given: str, target: str) -> None:
    # Source: https://github.com/grpc/grpc/blob/master/doc/naming.md
    assert read_config({"SWITCHYARD_SERVER": given}).server == target


def test_the_token_does_not_show_in_what_is_printed() -> None:
    assert "hush" not in repr(read_config({"WORKER_TOKEN": "hush"}))


@pytest.mark.parametrize("text", ["WORKER_TOKEN=abc\n", "# made\nAPI_KEY=x\nWORKER_TOKEN='abc'\n"])
def test_the_token_is_read_from_the_credentials_of_the_server(tmp_path: Path, text: str) -> None:
    tmp_path.joinpath("credentials.env").write_text(text)

    assert read_worker_token(tmp_path) == "abc"


def test_there_is_no_token_before_the_server_wrote_it(tmp_path: Path) -> None:
    assert read_worker_token(tmp_path) is None
