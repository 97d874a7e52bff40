"""What the server is told from outside: one value, read once from the environment."""

import re
from collections.abc import Callable, Mapping, Sequence
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
WORKSPACE_IMAGE: Final = "vaibhavsing/dev8-workspace:latest"
# Clouds by the variables that say where in them environments are made. What lets us in is the workers' business.
CLOUDS: Final[Mapping[str, Sequence[str]]] = {
    "azure": ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_STORAGE_ACCOUNT"),
    "aws": ("ENVIRONMENTS_AWS_CLUSTER",),
    "gcp": ("ENVIRONMENTS_GCP_PROJECT",),
}
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
    # Whether a start brings the schema of the database up to date; else `switchyard migrate` has to.
    migrate_at_start: bool = True
    redis_url: str | None = field(default=None, repr=False)
    # Without a queue: nothing wakes workers, they ask every two seconds. Nothing is lost, because rows decide.
    use_memory_queue: bool = False
    api_key: str | None = field(default=None, repr=False)
    jwt_secret_key: str | None = field(default=None, repr=False)
    jwt_algorithm: str = "HS256"
    jwt_access_token_expire_minutes: int = 60
    jwt_refresh_token_expire_days: int = 7
    jwt_dev_mode: bool = False
    admin_username: str = "admin"
    admin_password: str | None = field(default=None, repr=False)
    worker_token: str | None = field(default=None, repr=False)
    # Whether robots on this machine need a token too.
    robot_auth_enabled: bool = False
    # Pairs of a robot's id and the SHA-256 of its token in hex.
    robot_tokens: tuple[tuple[str, str], ...] = field(default=(), repr=False)
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
    # A ComfyUI session that nobody uses ends after this time; 0 for never.
    session_idle_minutes: int = 30
    # The start of a ComfyUI session waits so long for a worker.
    session_wait_seconds: int = 15
    # Entries of the audit log go when they are older; 0 keeps all.
    audit_retention_days: int = 365
    # What environments run at clouds unless a template says otherwise.
    environment_image: str = WORKSPACE_IMAGE
    # An environment in which nothing happens is stopped after this time; 0 for never.
    environment_auto_stop_minutes: int = 30
    # An environment is stopped after this time in any case; 0 for never.
    environment_max_run_minutes: int = 0
    # Pause between two comparisons of environments with what a provider reports.
    environment_reconcile_seconds: int = 300
    # Regions besides those the program knows, as pairs of a cloud ("azure") and a region.
    environment_regions: tuple[tuple[str, str], ...] = ()
    # What each user may have at most; None for any number.
    environment_quota_environments: int | None = 10
    environment_quota_cpu_cores: int | None = None
    environment_quota_memory_gb: int | None = None
    environment_quota_storage_gb: int | None = None
    # Clouds that environments can be made at; without any they are made on this machine.
    environment_clouds: frozenset[str] = frozenset()
    # Where supervisors in environments reach the environments API.
    agent_url: str = "http://127.0.0.1:8080"
    # Where copies of workflows are kept as files.
    workflows_dir: Path
    workflow_backup_enabled: bool = True
    # Requests to each method of telemetry that an address may send in a minute; 0 for any number.
    rate_limit_per_minute: int = 100
    # Whether the methods of the orchestrator's metrics have the limits the contract states.
    metrics_rate_limit_enabled: bool = True
    # One line in the log for each HTTP request.
    access_log: bool = True
    # Where traces go, over gRPC; None for nowhere.
    otel_exporter_otlp_endpoint: str | None = None

    @property
    def database_file(self) -> Path | None:
        """The file of a SQLite database, which one server has for itself; None for Postgres, which several may use."""
        place = self.database_url.removeprefix("sqlite:///")
        return None if place == self.database_url else Path(place)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "ServerConfig":
        """Return the settings of `environ`. An empty variable counts as absent.

        Raises:
            ConfigInvalid: a variable has a value that cannot be used, or two do not go together.
        """
        read = _Reader(environ)
        host = read("HOST", _host, "127.0.0.1")
        data_dir = read("DATA_DIR", _folder, Path("data")).absolute()
        agent_port = read("AGENT_PORT", _port, 8080)
        config = cls(
            host=host,
            port=read("PORT", _port, 8000),
            agent_port=agent_port,
            grpc_host=read("GRPC_HOST", _host, host),
            grpc_port=read("GRPC_PORT", _port, 50051),
            data_dir=data_dir,
            database_url=read("DATABASE_URL", _database_url, f"sqlite:///{data_dir / 'switchyard.db'}"),
            migrate_at_start=read("MIGRATE_AT_START", _switch, True),
            redis_url=read("REDIS_URL", _redis_url, None),
            use_memory_queue=read("USE_MEMORY_QUEUE", _switch, False),
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
            robot_auth_enabled=read("ROBOT_AUTH_ENABLED", _switch, False),
            robot_tokens=read("ROBOT_TOKENS", _robot_tokens, ()),
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
            session_idle_minutes=read("SESSION_IDLE_MINUTES", _number(0, 525_600), 30),
            session_wait_seconds=read("SESSION_WAIT_SECONDS", _number(1, 3600), 15),
            audit_retention_days=read("AUDIT_RETENTION_DAYS", _number(0, 36_500), 365),
            environment_image=read("ENVIRONMENT_IMAGE", _image, WORKSPACE_IMAGE),
            environment_auto_stop_minutes=read("ENVIRONMENT_AUTO_STOP_MINUTES", _number(0, 10_080), 30),
            environment_max_run_minutes=read("ENVIRONMENT_MAX_RUN_MINUTES", _number(0, 43_200), 0),
            environment_reconcile_seconds=read("ENVIRONMENT_RECONCILE_SECONDS", _number(1, 86_400), 300),
            environment_regions=read("ENVIRONMENT_REGIONS", _each(_region), ()),
            environment_quota_environments=read("ENVIRONMENT_QUOTA_ENVIRONMENTS", _number(0, 1_000_000), 10),
            environment_quota_cpu_cores=read("ENVIRONMENT_QUOTA_CPU_CORES", _number(0, 1_000_000), None),
            environment_quota_memory_gb=read("ENVIRONMENT_QUOTA_MEMORY_GB", _number(0, 1_000_000), None),
            environment_quota_storage_gb=read("ENVIRONMENT_QUOTA_STORAGE_GB", _number(0, 1_000_000), None),
            environment_clouds=_clouds(environ),
            agent_url=read("AGENT_URL", _base_url, _agent_url(host, agent_port)),
            workflows_dir=read("WORKFLOWS_DIR", _folder, data_dir / "workflows").absolute(),
            workflow_backup_enabled=read("WORKFLOW_BACKUP_ENABLED", _switch, True),
            rate_limit_per_minute=read("RATE_LIMIT_PER_MINUTE", _number(0, 1_000_000), 100),
            metrics_rate_limit_enabled=read("METRICS_RATE_LIMIT_ENABLED", _switch, True),
            access_log=read("ACCESS_LOG", _switch, True),
            otel_exporter_otlp_endpoint=read("OTEL_EXPORTER_OTLP_ENDPOINT", _base_url, None),
        )
        read("DB_ENABLED", _database_switch, True)
        _refuse_two_queues(config)
        _refuse_open_doors(config)
        return config


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can only be reached from this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _refuse_two_queues(config: ServerConfig) -> None:
    """Refuse a queue that would not be used."""
    if config.use_memory_queue and config.redis_url is not None:
        raise ConfigInvalid("USE_MEMORY_QUEUE must not be true while REDIS_URL is set: it says to do without Redis")


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


def _database_switch(text: str) -> bool:
    if not _switch(text):
        raise ValueError(
            "be true: all state is kept in the database, by default a file in DATA_DIR that needs no server"
        )
    return True


def _image(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,512}", text):
        raise ValueError("be the name of an image, as in registry.example/name:tag")
    return text


def _region(text: str) -> tuple[str, str]:
    cloud, _, region = text.partition(":")
    if cloud.lower() not in CLOUDS or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", region):
        raise ValueError(f"list regions as azure:name, aws:name or gcp:name, and {text!r} is none")
    return cloud.lower(), region


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("be an address as in https://agent.example:8080")
    return text.rstrip("/")


def _agent_url(host: str, port: int) -> str:
    """Return the address of the environments API as this machine reaches it."""
    # Nobody can connect to the address that stands for all of them.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _clouds(environ: Mapping[str, str]) -> frozenset[str]:
    """Return the clouds that are configured. Raises ConfigInvalid when a part is missing."""
    configured = set()
    for cloud, names in CLOUDS.items():
        missing = [name for name in names if not environ.get(name, "").strip()]
        if not missing:
            configured.add(cloud)
        elif len(missing) < len(names):
            given = next(name for name in names if name not in missing)
            raise ConfigInvalid(f"{missing[0]} must be set, because {given} is: together they say where at {cloud}")
    return frozenset(configured)


def _each(parse: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    def parse_all(text: str) -> tuple[T, ...]:
        return tuple(parse(part.strip()) for part in text.split(",") if part.strip())

    return parse_all


def _robot_tokens(text: str) -> tuple[tuple[str, str], ...]:
    pairs = tuple(_robot_token(part.strip()) for part in text.split(",") if part.strip())
    if len({digest for _, digest in pairs}) < len(pairs):
        raise ValueError("list each hash once: a token is for one robot")
    return pairs


def _robot_token(text: str) -> tuple[str, str]:
    match = _ROBOT_TOKEN(text)
    if match is None:
        # What is wrong may be a token itself, so it is not repeated.
        raise ValueError("list pairs robot-id:hash, the SHA-256 of the token in 64 hexadecimal digits, and one is none")
    return match[1], match[2].lower()


# Ids as in orchestrator.v1.RegisterRobotRequest.
_ROBOT_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]{1,64}):([0-9A-Fa-f]{64})").fullmatch


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
