"""Settings of the server: what is taken, what stops the start, and in which words."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from server.config import ConfigInvalid, ServerConfig


def test_everything_has_a_default_but_secrets() -> None:
    config = ServerConfig.from_environment({})

    assert (config.host, config.port, config.grpc_host, config.grpc_port) == ("127.0.0.1", 8000, "127.0.0.1", 50051)
    assert config.data_dir == Path("data").absolute()
    assert config.database_url == f"sqlite:///{Path('data').absolute()}/switchyard.db"
    assert (config.redis_url, config.api_key, config.admin_password) == (None, None, None)


def test_an_empty_variable_is_an_absent_one() -> None:
    assert ServerConfig.from_environment({"PORT": "", "API_KEY": " "}) == ServerConfig.from_environment({})


def test_values_are_read() -> None:
    config = ServerConfig.from_environment(
        {
            "HOST": "::1",
            "PORT": "0",
            "DATABASE_URL": "postgresql://u@h/db",
            "JWT_DEV_MODE": "True",
            "JWT_ALGORITHM": "HS512",
            "TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1",
            "CORS_ALLOWED_ORIGINS": "https://a.example, http://localhost:3000",
            "OUTBOUND_ALLOW": "intranet.example,10.1.0.0/16,*",
            "ROBOT_TOKENS": f"robot-001:{'aB' * 32}, robot_2:{'0' * 64},",
        }
    )

    assert (config.host, config.grpc_host, config.port, config.jwt_dev_mode) == ("::1", "::1", 0, True)
    assert config.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("192.0.2.1/32"))
    assert config.cors_allowed_origins == ("https://a.example", "http://localhost:3000")
    assert config.outbound_allow == ("intranet.example", "10.1.0.0/16", "*")
    assert config.robot_tokens == (("robot-001", "ab" * 32), ("robot_2", "0" * 64))


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"PORT": "abc"}, "PORT must be a whole number from 0 to 65535, not 'abc'"),
        ({"PORT": "65536"}, "PORT must be a whole number from 0 to 65535, not '65536'"),
        ({"GRPC_PORT": "-1"}, "GRPC_PORT must be a whole number from 0 to 65535, not '-1'"),
        ({"PORT": "٨٠"}, "PORT must be a whole number from 0 to 65535, not '٨٠'"),
        ({"HOST": "a b"}, "HOST must be an IP address or a host name, not 'a b'"),
        ({"DATA_DIR": "/dev/null"}, "DATA_DIR must be a folder, and '/dev/null' is a file"),
        ({"DATABASE_URL": "mysql://h/db"}, "DATABASE_URL must begin with sqlite:/// or postgresql://"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL must begin with redis://, rediss:// or unix://"),
        ({"JWT_ALGORITHM": "none"}, "JWT_ALGORITHM must be one of HS256, HS384, HS512, not 'none'"),
        ({"JWT_DEV_MODE": "maybe"}, "JWT_DEV_MODE must be true or false, not 'maybe'"),
        ({"TRUSTED_PROXIES": "proxy"}, "TRUSTED_PROXIES must list IP addresses"),
        ({"CORS_ALLOWED_ORIGINS": "a.example"}, "CORS_ALLOWED_ORIGINS must list origins as https://example.com"),
        ({"CORS_ALLOWED_ORIGINS": "https://a.example/"}, "CORS_ALLOWED_ORIGINS must list origins"),
        ({"ROBOT_AUTH_ENABLED": "2"}, "ROBOT_AUTH_ENABLED must be true or false, not '2'"),
        ({"ROBOT_TOKENS": "robot-001"}, "ROBOT_TOKENS must list pairs robot-id:hash"),
        ({"ROBOT_TOKENS": "robot.001:" + "a" * 64}, "ROBOT_TOKENS must list pairs robot-id:hash"),
        ({"ROBOT_TOKENS": f"r1:{'a' * 64},r2:{'a' * 63}"}, "ROBOT_TOKENS must list pairs robot-id:hash"),
        ({"ROBOT_TOKENS": f"r1:{'a' * 64},r2:{'A' * 64}"}, "ROBOT_TOKENS must list each hash once"),
        ({"AUDIT_RETENTION_DAYS": "-1"}, "AUDIT_RETENTION_DAYS must be a whole number from 0 to 36500, not '-1'"),
        ({"SESSION_IDLE_MINUTES": "-1"}, "SESSION_IDLE_MINUTES must be a whole number from 0 to 525600, not '-1'"),
        ({"SESSION_WAIT_SECONDS": "0"}, "SESSION_WAIT_SECONDS must be a whole number from 1 to 3600, not '0'"),
        ({"OUTBOUND_ALLOW": "http://x"}, "OUTBOUND_ALLOW must list hosts, networks or '*'"),
        ({"OUTBOUND_ALLOW": "*.example.com"}, "OUTBOUND_ALLOW must list hosts, networks or '*'"),
        ({"LEASE_SECONDS": "1"}, "LEASE_SECONDS must be a whole number from 2 to 3600"),
        # Harmless on loopback, refused where others can reach us.
        ({"JWT_DEV_MODE": "true", "HOST": "0.0.0.0"}, "JWT_DEV_MODE must not be true while HOST is 0.0.0.0"),
        ({"JWT_DEV_MODE": "true", "GRPC_HOST": "::"}, "JWT_DEV_MODE must not be true while GRPC_HOST is ::"),
        ({"API_KEY": "short", "HOST": "10.0.0.1"}, "API_KEY must be at least 8 characters long while HOST"),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        ServerConfig.from_environment(environ)

    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["API_KEY", "WORKER_TOKEN", "GATEWAY_TOKEN"])
def test_a_refused_secret_is_not_repeated(name: str) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        ServerConfig.from_environment({name: "with space"})

    assert "with space" not in str(refusal.value)


def test_secrets_are_not_shown() -> None:
    config = ServerConfig.from_environment({"API_KEY": "visible-key", "DATABASE_URL": "postgresql://u:visible-pw@h/d"})

    assert "visible" not in repr(config)


def test_what_is_wrong_in_the_list_of_robots_is_not_repeated() -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        ServerConfig.from_environment({"ROBOT_TOKENS": "robot-001:the-token-itself"})

    assert "the-token-itself" not in str(refusal.value)


def test_there_is_no_server_without_its_database() -> None:
    with pytest.raises(ConfigInvalid, match="DB_ENABLED must be true: all state is kept in the database"):
        ServerConfig.from_environment({"DB_ENABLED": "false"})


def test_a_server_without_a_queue_names_no_redis() -> None:
    assert ServerConfig.from_environment({"USE_MEMORY_QUEUE": "true"}).use_memory_queue
    with pytest.raises(ConfigInvalid, match="USE_MEMORY_QUEUE must not be true while REDIS_URL is set"):
        ServerConfig.from_environment({"USE_MEMORY_QUEUE": "true", "REDIS_URL": "redis://127.0.0.1"})
