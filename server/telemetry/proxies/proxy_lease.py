"""Gives out proxies: one unit of work from the candidates to the lease. Only here a password is decrypted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa
from cryptography.fernet import InvalidToken

from server.clock import SECOND, to_timestamp
from server.errors import Unavailable
from server.secret_box import SecretBox
from server.telemetry.proxies import proxy_choice, proxy_health, proxy_lease_store, proxy_store
from server.telemetry.proxies.proxy_choice import Candidate
from server.telemetry.proxies.proxy_health import Health
from server.telemetry.proxies.proxy_lease_store import Lease, Use
from server.telemetry.proxies.proxy_row import ProxyRow
from switchyard.telemetry.v1 import proxy_service_pb2 as pb

UNPROVEN: Final = proxy_health.judge(())
UNUSED: Final = Use()
PROLONGED: Final = "The sticky key holds it already; its lease is prolonged."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a proxy is wanted for. `site`, `country` and `sticky_key` are empty when they do not matter."""

    site: str
    country: str
    sticky_key: str
    seconds: int


def lease(
    connection: sa.Connection, wanted: Wanted, healths: Mapping[int, Health], secret_box: SecretBox, *, now: int
) -> pb.LeaseProxyResponse:
    """Lease the best proxy at `now`, or prolong the lease that the sticky key has. `healths` may be a little older.

    Raises:
        NoProxy: none is fit.
        Unavailable: the password cannot be decrypted.
    """
    proxy_lease_store.lock_all(connection)
    rows = {row.id: row for row in proxy_store.all_proxies(connection)}
    uses = proxy_lease_store.uses(connection, now=now)
    candidates = {
        row.id: _candidate(row, healths.get(row.id, UNPROVEN), uses.get(row.id, UNUSED), wanted.site, now=now)
        for row in rows.values()
    }
    held = proxy_lease_store.find_sticky(connection, wanted.sticky_key, wanted.site, now=now)
    lost = None if held is None else _lost(candidates.get(held.proxy_id), wanted, held)
    if held is not None and lost is None:
        lasting = _prolong(connection, held, until=now + wanted.seconds * SECOND)
        return _response(lasting, rows[held.proxy_id], (PROLONGED,), secret_box)
    choice = proxy_choice.choose(list(candidates.values()), country=wanted.country)
    if held is not None:
        proxy_lease_store.end_at(connection, held.id, now)
    newest = max((use.newest for use in uses.values()), default="")
    begun = _begin(connection, choice.proxy_id, wanted, newest=newest, now=now)
    reasons = choice.reasons if lost is None else (lost, *choice.reasons)
    return _response(begun, rows[choice.proxy_id], reasons, secret_box)


def sealed(response: pb.LeaseProxyResponse, secret_box: SecretBox) -> pb.LeaseProxyResponse:
    """Return `response` as it may be stored: its password encrypted."""
    stored = pb.LeaseProxyResponse()
    stored.CopyFrom(response)
    if response.HasField("password"):
        stored.password = secret_box.encrypt(response.password).decode()
    return stored


def unsealed(stored: bytes, secret_box: SecretBox) -> pb.LeaseProxyResponse:
    """Return the response that `stored` was serialized from, once `sealed`.

    Raises:
        Unavailable: the password cannot be decrypted.
    """
    response = pb.LeaseProxyResponse.FromString(stored)
    if response.HasField("password"):
        response.password = _decrypted(response.password.encode(), response.proxy_id, secret_box)
    return response


def _candidate(row: ProxyRow, health: Health, use: Use, site: str, *, now: int) -> Candidate:
    score, scored_by = proxy_choice.score_at(health, site)
    return Candidate(
        id=row.id,
        country=row.effective_country,
        enabled=row.enabled,
        disabled=row.standing.disabled(now),
        blacklisted=proxy_choice.blacklisted(health),
        score=score,
        scored_by=scored_by,
        max_leases=row.max_leases,
        live_leases=use.live,
        newest_lease=use.newest,
    )


def _lost(candidate: Candidate | None, wanted: Wanted, held: Lease) -> str | None:
    """Return why the sticky key cannot have its proxy any more, None when it can."""
    if candidate is None:
        return f"The proxy the sticky key held, number {held.proxy_id}, was removed."
    kept = proxy_choice.obstacle(candidate, country=wanted.country, renewal=True)
    return None if kept is None else f"The proxy the sticky key held, number {held.proxy_id}, is {kept.value}."


def _prolong(connection: sa.Connection, held: Lease, *, until: int) -> Lease:
    lasting = replace(held, expire_time=max(held.expire_time, until))
    proxy_lease_store.end_at(connection, lasting.id, lasting.expire_time)
    return lasting


def _begin(connection: sa.Connection, proxy_id: int, wanted: Wanted, *, newest: str, now: int) -> Lease:
    """Store a lease; `newest` is the id of the newest one there is, empty when there is none."""
    begun = Lease(
        id=proxy_lease_store.new_id(now, newest=newest),
        proxy_id=proxy_id,
        site=wanted.site,
        sticky_key=wanted.sticky_key,
        expire_time=now + wanted.seconds * SECOND,
    )
    proxy_lease_store.add(connection, begun, now=now)
    return begun


def _response(lease: Lease, row: ProxyRow, reasons: tuple[str, ...], secret_box: SecretBox) -> pb.LeaseProxyResponse:
    return pb.LeaseProxyResponse(
        lease_id=lease.id,
        proxy_id=row.id,
        url=row.url,
        username=row.username,
        password=_password(row, secret_box),
        expire_time=to_timestamp(lease.expire_time),
        reasons=reasons,
    )


def _password(row: ProxyRow, secret_box: SecretBox) -> str | None:
    return None if row.password is None else _decrypted(row.password, row.id, secret_box)


def _decrypted(password: bytes, proxy_id: int, secret_box: SecretBox) -> str:
    try:
        return secret_box.decrypt(password)
    except InvalidToken as error:
        raise Unavailable(f"The password of proxy {proxy_id} cannot be read; set it anew", id=str(proxy_id)) from error
