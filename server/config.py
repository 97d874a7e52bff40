"""What the server is told from outside: one value, read once from the environment."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
Network = IPv4Network | IPv6Network

JWT_ALGORITHMS: Final = ("HS256", "HS384", "HS512")
USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
# Shorter ones are refused where others can reach us: they could be guessed. Those the server makes have 43 characters.
SHORTEST_SECRET: Final = 8
SECRETS: Final = ("API_KEY", "JWT_SECRET_KEY", "ADMIN_PASSWORD", "WORKER_TOKEN", "GATEWAY_TOKEN")


class ConfigInvalid(ValueError):
    """A setting cannot be used. The message is one line and names the variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Every setting of the server, by the name of its variable in lower case.

    Secrets that are None are generated into the data folder; `redis_url` None means the socket there.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    agent_port: int = 8080
    grpc_host: str = "127.0.0.1"
    grpc_port: int = 50051
    data_dir: Path
    database_url: str = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    jwt_secret_key: str | None = field(default=None, repr=False)
    jwt_algorithm: str = "HS256"
    jwt_access_token_expire_minutes: int = 60
    jwt_refresh_token_expire_days: int = 7
    jwt_dev_mode: bool = False
    admin_username: str = "admin"
    admin_password: str | None = field(default=None, repr=False)
    worker_token: str | None = field(default=None, repr=False)
    gateway_token: str | None = field(default=None, repr=False)
    trusted_proxies: tuple[Network, ...] = ()
    cors_allowed_origins: tuple[str, ...] = ()
    outbound_allow: tuple[str, ...] = ()
    lease_seconds: int = 30
    log_retention_days: int = 30
    # Per bot instance; the size at which a log file is rotated is `log_file_megabytes`.
    log_retention_megabytes: int = 500
    log_file_megabytes: int = 10
    # After this time without an event an active browser session has ended.
    session_ttl_seconds: int = 86_400
    # Ended browser sessions go when they are older, or when there are more sessions or events; 0 keeps all.
    session_retention_days: int = 365
    session_retention_count: int = 0
    event_retention_count: int = 0
    # Requests to each method of telemetry that an address may send in a minute; 0 for any number.
    rate_limit_per_minute: int = 100
    # One line in the log for each HTTP request.
    access_log: bool = True

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "ServerConfig":
        """Return the settings of `environ`. An empty variable counts as absent.

        Raises:
            ConfigInvalid: a variable has a value that cannot be used, or two do not go together.
        """
        read = _Reader(environ)
        host = read("HOST", _host, "127.0.0.1")
        data_dir = read("DATA_DIR", _folder, Path("data")).absolute()
        config = cls(
            host=host,
            port=read("PORT", _port, 8000),
            agent_port=read("AGENT_PORT", _port, 8080),
            grpc_host=read("GRPC_HOST", _host, host),
            grpc_port=read("GRPC_PORT", _port, 50051),
            data_dir=data_dir,
            database_url=read("DATABASE_URL", _database_url, f"sqlite:///{data_dir / 'switchyard.db'}"),
            redis_url=read("REDIS_URL", _redis_url, None),
            api_key=read("API_KEY", _secret, None),
            jwt_secret_key=read("JWT_SECRET_KEY", str, None),
            jwt_algorithm=read("JWT_ALGORITHM", _algorithm, "HS256"),
            jwt_access_token_expire_minutes=read("JWT_ACCESS_TOKEN_EXPIRE_MINUTES", _number(1, 525_600), 60),
            jwt_refresh_token_expire_days=read("JWT_REFRESH_TOKEN_EXPIRE_DAYS", _number(1, 3650), 7),
            jwt_dev_mode=read("JWT_DEV_MODE", _switch, False),
            admin_username=read("ADMIN_USERNAME", _username, "admin"),
            admin_password=read("ADMIN_PASSWORD", _password, None),
            worker_token=read("WORKER_TOKEN", _secret, None),
            gateway_token=read("GATEWAY_TOKEN", _secret, None),
            trusted_proxies=read("TRUSTED_PROXIES", _each(_network), ()),
            cors_allowed_origins=read("CORS_ALLOWED_ORIGINS", _each(_origin), ()),
            outbound_allow=read("OUTBOUND_ALLOW", _each(_allowed_host), ()),
            lease_seconds=read("LEASE_SECONDS", _number(2, 3600), 30),
            log_retention_days=read("LOG_RETENTION_DAYS", _number(1, 36_500), 30),
            log_retention_megabytes=read("LOG_RETENTION_MEGABYTES", _number(1, 1_000_000), 500),
            log_file_megabytes=read("LOG_FILE_MEGABYTES", _number(1, 10_000), 10),
            session_ttl_seconds=read("SESSION_TTL_SECONDS", _number(1, 315_360_000), 86_400),
            session_retention_days=read("SESSION_RETENTION_DAYS", _number(0, 36_500), 365),
            session_retention_count=read("SESSION_RETENTION_COUNT", _number(0, 2_000_000_000), 0),
            event_retention_count=read("EVENT_RETENTION_COUNT", _number(0, 2_000_000_000), 0),
            rate_limit_per_minute=read("RATE_LIMIT_PER_MINUTE", _number(0, 1_000_000), 100),
            access_log=read("ACCESS_LOG", _switch, True),
        )
        _refuse_open_doors(config)
        return config


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can only be reached from this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _refuse_open_doors(config: ServerConfig) -> None:
    """Refuse what is harmless on this machine alone and not where others can reach it."""
    for name, host in (("HOST", config.host), ("GRPC_HOST", config.grpc_host)):
        if is_loopback(host):
            continue
        if config.jwt_dev_mode:
            raise ConfigInvalid(f"JWT_DEV_MODE must not be true while {name} is {host}: it lets everybody in")
        for secret in SECRETS:
            value = getattr(config, secret.lower())
            if value is not None and len(value) < SHORTEST_SECRET:
                raise ConfigInvalid(
                    f"{secret} must be at least {SHORTEST_SECRET} characters long while {name} is {host}"
                )


class _Reader:
    """Reads one variable after the other and names the one that is wrong. Values of secrets are never repeated."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __call__(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            raise ConfigInvalid(f"{name} must {error}") from error


# Each of these raises a ValueError that completes "<NAME> must ...".


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        # str.isdecimal would take digits of other scripts too.
        if not re.fullmatch(r"[0-9]{1,10}", text) or not low <= int(text) <= high:
            raise ValueError(f"be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return parse


_port: Final = _number(0, 65_535)


def _host(text: str) -> str:
    host = text.removeprefix("[").removesuffix("]")
    try:
        ip_address(host)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", host):
            raise ValueError(f"be an IP address or a host name, not {text!r}") from None
    return host


def _folder(text: str) -> Path:
    path = Path(text).expanduser()
    if path.exists() and not path.is_dir():
        raise ValueError(f"be a folder, and {text!r} is a file")
    return path


def _database_url(text: str) -> str:
    if not re.match(r"(sqlite:///.|postgresql://.)", text):
        raise ValueError("begin with sqlite:/// or postgresql://")
    return text


def _redis_url(text: str) -> str:
    if not re.match(r"(redis|rediss|unix)://.", text):
        raise ValueError("begin with redis://, rediss:// or unix://")
    return text


def _secret(text: str) -> str:
    # Secrets travel in headers, which take visible ASCII only (RFC 9110, section 5.5).
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("be visible ASCII without spaces")
    return text


def _password(text: str) -> str:
    if len(text) > 1024:
        raise ValueError("be at most 1024 characters long")
    return text


def _username(text: str) -> str:
    if not USERNAME.fullmatch(text):
        raise ValueError("be 1 to 128 letters, digits, '.', '_', '@' and '-', starting with a letter or digit")
    return text


def _algorithm(text: str) -> str:
    if text not in JWT_ALGORITHMS:
        raise ValueError(f"be one of {', '.join(JWT_ALGORITHMS)}, not {text!r}")
    return text


_SWITCH: Final[Mapping[str, bool]] = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise ValueError(f"be true or false, not {text!r}")
    return _SWITCH[text.lower()]


def _each(parse: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    def parse_all(text: str) -> tuple[T, ...]:
        return tuple(parse(part.strip()) for part in text.split(",") if part.strip())

    return parse_all


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"list IP addresses and networks (10.0.0.0/8), and {text!r} is neither") from None


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if text != "*" and (parts.scheme not in ("http", "https") or text != f"{parts.scheme}://{parts.netloc}"):
        raise ValueError(f"list origins as https://example.com, and {text!r} is none")
    return text


def _allowed_host(text: str) -> str:
    if re.fullmatch(r"\*|[A-Za-z0-9_][A-Za-z0-9_.-]*", text):
        return text.lower()
    try:
        ip_network(text)
    except ValueError:
        raise ValueError(f"list hosts, networks or '*', and {text!r} is none of them") from None
    return text
