"""Which servers tell one another what."""

from pathlib import Path

import pytest

from server.config import ServerConfig
from server.fan_out import Alone
from server.fan_out.redis_fan_out import RedisFanOut
from server.parts import make_fan_out
from server.secret_box import SecretBox

SECRETS = SecretBox(b"k" * 43 + b"=")


def configured(folder: Path, **environ: str) -> ServerConfig:
    return ServerConfig.from_environment({"DATA_DIR": str(folder), **environ})


@pytest.mark.parametrize("environ", [{}, {"REDIS_URL": "redis://redis.example"}, {"USE_MEMORY_QUEUE": "true"}])
def test_a_server_over_a_file_is_the_only_one_and_misses_nothing(tmp_path: Path, environ: dict[str, str]) -> None:
    fan_out = make_fan_out(configured(tmp_path, **environ), SECRETS)

    assert isinstance(fan_out, Alone)
    assert (fan_out.alone, fan_out.deaf) == (True, False)


def test_a_server_that_does_without_redis_may_miss_what_others_do(tmp_path: Path) -> None:
    config = configured(tmp_path, DATABASE_URL="postgresql://db/switchyard", USE_MEMORY_QUEUE="true")

    fan_out = make_fan_out(config, SECRETS)

    assert isinstance(fan_out, Alone)
    assert fan_out.deaf


@pytest.mark.parametrize("environ", [{}, {"REDIS_URL": "redis://redis.example"}])
def test_servers_over_postgres_meet_in_redis_and_are_deaf_until_they_do(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    config = configured(tmp_path, DATABASE_URL="postgresql://db/switchyard", **environ)

    fan_out = make_fan_out(config, SECRETS)

    assert isinstance(fan_out, RedisFanOut)
    assert (fan_out.deaf, fan_out.alone) == (True, False)


def test_a_key_is_for_one_purpose_and_one_installation() -> None:
    keys = {box.key_for(purpose) for box in (SECRETS, SecretBox(b"o" * 43 + b"=")) for purpose in ("a", "b")}

    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
