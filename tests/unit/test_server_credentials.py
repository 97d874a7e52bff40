"""Secrets: made once, kept to ourselves, and overruled by the environment."""

from pathlib import Path

import pytest

from server.config import ConfigInvalid, ServerConfig
from server.credentials import load_credentials
from server.secret_box import open_secret_box


def config_of(folder: Path, **environ: str) -> ServerConfig:
    return ServerConfig.from_environment({"DATA_DIR": str(folder), **environ})


def test_the_first_start_makes_secrets_that_nobody_else_can_read(tmp_path: Path) -> None:
    credentials = load_credentials(config_of(tmp_path))

    assert credentials.created
    assert credentials.path.stat().st_mode & 0o777 == 0o600
    assert len({credentials.api_key, credentials.worker_token, credentials.jwt_secret_key}) == 3
    assert f"API_KEY={credentials.api_key}\n" in credentials.path.read_text()


def test_the_next_start_finds_them_again(tmp_path: Path) -> None:
    first = load_credentials(config_of(tmp_path))

    second = load_credentials(config_of(tmp_path))

    assert not second.created
    assert (second.api_key, second.jwt_secret_key) == (first.api_key, first.jwt_secret_key)


def test_the_environment_wins_and_is_not_written_down(tmp_path: Path) -> None:
    credentials = load_credentials(config_of(tmp_path, API_KEY="from-outside", ADMIN_PASSWORD="pw"))

    assert (credentials.api_key, credentials.admin_password_given) == ("from-outside", True)
    assert "from-outside" not in credentials.path.read_text()


def test_a_secret_that_is_missing_in_the_file_is_added(tmp_path: Path) -> None:
    path = tmp_path / "credentials.env"
    path.write_text("# mine\nAPI_KEY='kept'\n")
    path.chmod(0o600)

    credentials = load_credentials(config_of(tmp_path))

    assert (credentials.api_key, credentials.created) == ("kept", True)
    assert load_credentials(config_of(tmp_path)).worker_token == credentials.worker_token


def test_a_file_others_can_read_is_closed_and_told(tmp_path: Path) -> None:
    path = load_credentials(config_of(tmp_path)).path
    path.chmod(0o644)

    credentials = load_credentials(config_of(tmp_path))

    assert credentials.tightened
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"API_KEY\n", b"API_KEY=\n", b"=x\n", b"\xff\xfe"])
def test_a_broken_file_stops_the_start_and_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "credentials.env"
    path.write_bytes(content)

    with pytest.raises(ConfigInvalid, match=r"credentials\.env"):
        load_credentials(config_of(tmp_path))


def test_what_was_encrypted_is_read_after_a_restart(tmp_path: Path) -> None:
    stored = open_secret_box(tmp_path).encrypt("whsec_é")

    assert open_secret_box(tmp_path).decrypt(stored) == "whsec_é"
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_a_key_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("nothing")

    with pytest.raises(ConfigInvalid, match=r"secret\.key does not hold a key"):
        open_secret_box(tmp_path)


def test_servers_that_may_share_a_database_are_told_the_key_of_tokens(tmp_path: Path) -> None:
    shared = {"DATABASE_URL": "postgresql://u@h/db"}

    with pytest.raises(ConfigInvalid, match="JWT_SECRET_KEY must be set"):
        load_credentials(config_of(tmp_path, **shared))

    given = load_credentials(config_of(tmp_path, JWT_SECRET_KEY="k" * 43, **shared))
    assert given.jwt_secret_key == "k" * 43


def test_the_key_of_tokens_may_also_lie_in_the_file(tmp_path: Path) -> None:
    made = load_credentials(config_of(tmp_path))

    shared = load_credentials(config_of(tmp_path, DATABASE_URL="postgresql://u@h/db"))

    assert shared.jwt_secret_key == made.jwt_secret_key
