"""Proxies as the contract shows them. The password is in none of these messages."""

from collections.abc import Iterable
from typing import Final

from server.clock import to_timestamp
from server.telemetry.proxies import proxy_health, proxy_rules
from server.telemetry.proxies.proxy_health import Health, SiteFigures
from server.telemetry.proxies.proxy_row import ProxyRow
from switchyard.telemetry.v1 import proxy_pb2 as pb

MICROS_PER_MILLISECOND: Final = 1_000


def status(row: ProxyRow, *, now: int) -> pb.ProxyStatus:
    """Return how a proxy fares by the fixed rule at `now`."""
    usable = row.usable(now)
    return pb.ProxyStatus(
        url=row.url,
        uses=row.uses,
        successes=row.successes,
        failures=row.failures,
        success_rate=proxy_rules.success_rate(row.successes, row.failures),
        status=proxy_rules.status(row.successes, row.failures, usable=usable),
        enabled=usable,
        last_used=None if row.last_used is None else to_timestamp(row.last_used),
        avg_latency_ms=row.load_time_micros / row.load_count / MICROS_PER_MILLISECOND if row.load_count else None,
        country=row.effective_country,
    )


def counts(statuses: Iterable[pb.ProxyStatus]) -> pb.ProxyCounts:
    """Return how many proxies fare how."""
    found = [one.status for one in statuses]
    return pb.ProxyCounts(
        healthy=found.count(pb.ProxyStatus.STATUS_HEALTHY),
        flagged=found.count(pb.ProxyStatus.STATUS_FLAGGED),
        blacklisted=found.count(pb.ProxyStatus.STATUS_BLACKLISTED),
    )


def proxy(row: ProxyRow, *, active_leases: int, now: int) -> pb.Proxy:
    """Return a proxy as it was set up, with its figures."""
    disabled = row.standing.disabled(now)
    return pb.Proxy(
        id=row.id,
        url=row.url,
        country=row.country,
        username=row.username,
        has_password=row.password is not None,
        enabled=row.enabled,
        max_leases=row.max_leases,
        active_leases=active_leases,
        figures=status(row, now=now),
        disabled_until=to_timestamp(row.disabled_until) if disabled and row.disabled_until is not None else None,
    )


def health(row: ProxyRow, judged: Health, *, now: int) -> pb.ProxyHealth:
    """Return how a proxy fares as far as it is to blame, with the reasons."""
    return pb.ProxyHealth(
        url=row.url,
        verdict=judged.verdict,
        score=judged.score,
        sample=judged.sample,
        reasons=[*proxy_health.reasons(judged), *_obstacles(row, now)],
        sites=[_site(one) for one in judged.sites],
    )


def _site(one: SiteFigures) -> pb.SiteHealth:
    return pb.SiteHealth(
        site=one.site,
        successes=one.own.successes,
        failures=one.own.failures,
        success_rate=one.own.rate,
        siblings_success_rate=one.siblings.rate if one.comparable else None,
        siblings_sample=one.siblings.sessions,
        score=one.score,
        counts=one.counts,
        reason=proxy_health.site_reason(one),
    )


def _obstacles(row: ProxyRow, now: int) -> list[str]:
    """Return what keeps the proxy from being used whatever its health is, a sentence for each."""
    told = []
    if not row.enabled:
        told.append("An operator switched it off.")
    if row.standing.disabled(now) and row.disabled_until is not None:
        until = to_timestamp(row.disabled_until).ToDatetime()
        told.append(f"{row.failures_in_row} failures in a row disabled it until {until:%Y-%m-%d %H:%M:%S} UTC.")
    return told
