"""A proxy as it is stored."""

from dataclasses import dataclass

from server.telemetry.proxies.proxy_rules import Standing


@dataclass(frozen=True, slots=True)
class ProxyRow:
    """One proxy. `password` is encrypted; times are micros, None where unset."""

    id: int
    url: str
    country: str | None
    session_country: str | None
    username: str | None
    password: bytes | None
    enabled: bool
    removed: bool
    managed: bool
    max_leases: int | None
    uses: int
    successes: int
    failures: int
    failures_in_row: int
    disabled_until: int | None
    last_used: int | None
    load_time_micros: int
    load_count: int

    @property
    def standing(self) -> Standing:
        """What its last sessions did to it."""
        return Standing(self.failures_in_row, self.disabled_until)

    @property
    def effective_country(self) -> str | None:
        """As it was set, else that of the newest session that named one."""
        return self.country or self.session_country

    def usable(self, now: int) -> bool:
        """Whether neither an operator nor failures disable it."""
        return self.enabled and not self.standing.disabled(now)


@dataclass(frozen=True, slots=True)
class NewProxy:
    """A proxy as it is set up. `password` is encrypted."""

    url: str
    country: str | None
    username: str | None
    password: bytes | None
    max_leases: int | None
