"""Where proxies and their figures are kept: functions over a connection, each part of its caller's transaction.

Postgres runs units of work side by side, so whoever decides on a row locks it first. A unit that takes several proxies
takes them in the order of their numbers, and one proxy before its sites.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from server.errors import AlreadyExists, NotFound
from server.telemetry.proxies import proxy_rules, proxy_view, site_weights
from server.telemetry.proxies.proxy_health import SiteFigures
from server.telemetry.proxies.proxy_row import NewProxy, ProxyRow
from server.telemetry.proxies.proxy_rules import Standing
from server.telemetry.proxies.site_weights import FORGOTTEN_MICROS, Weights
from server.telemetry.tables import PROXIES, PROXY_LEASES, PROXY_SITES
from switchyard.telemetry.v1.proxy_pb2 import ProxyStatus

# The row of a site that sums up all proxies.
ALL_PROXIES: Final = 0


@dataclass(frozen=True, slots=True)
class ProxyFigures:
    """What sessions have added to the figures of a proxy."""

    uses: int
    successes: int
    failures: int
    load_time_micros: int
    load_count: int


# A proxy nobody has used yet.
_UNUSED: Final[Mapping[str, Any]] = {
    "enabled": True,
    "removed": False,
    "managed": False,
    "uses": 0,
    "successes": 0,
    "failures": 0,
    "failures_in_row": 0,
    "load_time_micros": 0,
    "load_count": 0,
}


def session_started(connection: sa.Connection, url: str, *, country: str | None, now: int) -> None:
    """Count a session that begins with the proxy `url` at `now`. A proxy that is not known, or was removed, is there
    from now on.
    """
    values = {"at_url": url, "new_country": country, "new_time": now}
    # A statement that inserts or updates takes a number from the sequence in any case.
    if connection.execute(_STARTED, values).rowcount == 0:
        connection.execute(_FIRST[connection.dialect.name], values)


def session_ended(connection: sa.Connection, url: str, *, site: str, success: bool, now: int) -> None:
    """Count a session with the proxy `url` at `site` that ends at `now`; it has been counted when it began."""
    row = connection.execute(_STANDING, {"at_url": url}).one()
    standing = proxy_rules.after_session(Standing(row.failures_in_row, row.disabled_until), success=success, now=now)
    ended = {
        "at_id": row.id,
        "success": int(success),
        "failure": int(not success),
        "new_failures_in_row": standing.failures_in_row,
        "new_disabled_until": standing.disabled_until,
    }
    connection.execute(_ENDED, ended)
    _add_weights(connection, site, row.id, site_weights.of_session(success=success, now=now))


def loads_observed(connection: sa.Connection, loads: Mapping[str, tuple[int, int]]) -> None:
    """Add load times to proxies, by url: their sum in micros and how many there are. Both may be negative."""
    changes = {
        url: {"micros": micros, "count": count} for url, (micros, count) in loads.items() if (micros, count) != (0, 0)
    }
    _change(connection, _LOADED, changes)


def sessions_removed(connection: sa.Connection, gone: Mapping[str, ProxyFigures]) -> None:
    """Take what removed sessions have added off the figures of their proxies, by url."""
    changes = {
        url: {
            "uses_gone": figures.uses,
            "successes_gone": figures.successes,
            "failures_gone": figures.failures,
            "micros": -figures.load_time_micros,
            "count": -figures.load_count,
        }
        for url, figures in gone.items()
    }
    _change(connection, _SHRUNK, changes)
    connection.execute(_FORGET_UNUSED, {"urls": list(gone)})


def all_statuses(connection: sa.Connection, now: int) -> list[ProxyStatus]:
    """Return how every proxy fares by the fixed rule at `now`, most used first."""
    return [proxy_view.status(ProxyRow(*row), now=now) for row in connection.execute(_MOST_USED)]


def all_proxies(connection: sa.Connection) -> list[ProxyRow]:
    """Return every proxy, by number."""
    return [ProxyRow(*row) for row in connection.execute(_ALL)]


def count(connection: sa.Connection) -> int:
    """Return how many proxies there are."""
    return int(connection.execute(_COUNT).scalar_one())


def page(connection: sa.Connection, *, offset: int, limit: int) -> list[ProxyRow]:
    """Return a page of the proxies, by number."""
    return [ProxyRow(*row) for row in connection.execute(_PAGE, {"offset": offset, "limit": limit})]


def require(connection: sa.Connection, proxy_id: int) -> ProxyRow:
    """Return the proxy of that number.

    Raises:
        NotFound: there is none, or it was removed.
    """
    return _there(connection.execute(_BY_ID, {"at_id": proxy_id}).first(), proxy_id)


def require_locked(connection: sa.Connection, proxy_id: int) -> ProxyRow:
    """Return the proxy of that number and keep other units of work from changing it until this one ends.

    Raises:
        NotFound: there is none, or it was removed.
    """
    return _there(connection.execute(_BY_ID_LOCKED, {"at_id": proxy_id}).first(), proxy_id)


def add(connection: sa.Connection, new: NewProxy) -> ProxyRow:
    """Store a proxy that is set up and return it; one that sessions have named keeps its figures.

    Raises:
        AlreadyExists: somebody has set it up before. The number is in the metadata.
    """
    setup = {"url": new.url, "managed": True, **_setup(new.country, new.username, new.password, new.max_leases)}
    if connection.execute(_ADD[connection.dialect.name], {**_UNUSED, **setup}).rowcount == 0:
        present = connection.execute(_BY_URL, {"at_url": new.url}).one()
        raise AlreadyExists(
            f"Proxy {new.url} is there already, with the number {present.id}", url=new.url, id=str(present.id)
        )
    return ProxyRow(*connection.execute(_BY_URL, {"at_url": new.url}).one())


def change(connection: sa.Connection, row: ProxyRow) -> None:
    """Store what can be changed of a proxy, and what failures did to it."""
    values = {
        **_setup(row.country, row.username, row.password, row.max_leases),
        "enabled": row.enabled,
        "removed": row.removed,
        "managed": row.managed,
        "failures_in_row": row.failures_in_row,
        "disabled_until": row.disabled_until,
    }
    connection.execute(sa.update(PROXIES).where(PROXIES.c.id == row.id).values(values))


def remove(connection: sa.Connection, row: ProxyRow) -> None:
    """Take a proxy out: what was set up is forgotten, its figures stay."""
    change(
        connection,
        replace(
            row,
            country=None,
            username=None,
            password=None,
            max_leases=None,
            enabled=True,
            removed=True,
            managed=False,
        ),
    )


def ended_sessions(connection: sa.Connection) -> dict[int, int]:
    """Return how many sessions have ended with each proxy, by its number."""
    return {row.id: row.ended for row in connection.execute(_ENDED_SESSIONS)}


def site_figures(connection: sa.Connection, proxy_ids: Sequence[int], *, now: int) -> dict[int, list[SiteFigures]]:
    """Return what each of these proxies and its siblings have at each site it was used for, weighed at `now`.

    By its number; proxies that were not used are left out.
    """
    figures: dict[int, list[SiteFigures]] = {}
    for row in connection.execute(_SITES, {"proxy_ids": proxy_ids, "oldest": now - FORGOTTEN_MICROS}):
        figures.setdefault(row.proxy_id, []).append(_site_figures(row, now))
    return figures


def forget_sites(connection: sa.Connection, *, now: int) -> None:
    """Remove figures of sites that no longer weigh anything at `now`."""
    connection.execute(_FORGET_SITES, {"oldest": now - FORGOTTEN_MICROS})


def _there(row: Sequence[Any] | None, proxy_id: int) -> ProxyRow:
    if row is None:
        raise NotFound("Proxy not found", id=str(proxy_id))
    return ProxyRow(*row)


def _setup(country: str | None, username: str | None, password: bytes | None, max_leases: int | None) -> dict[str, Any]:
    return {"country": country, "username": username, "password": password, "max_leases": max_leases}


def _site_figures(row: Sequence[Any], now: int) -> SiteFigures:
    _, site, successes, failures, time, all_successes, all_failures, all_time = row
    own = Weights(successes, failures, time)
    everyone = Weights(all_successes, all_failures, all_time)
    return SiteFigures(site, own.at(now), everyone.minus(own).at(now))


def _change(connection: sa.Connection, statement: sa.Update, changes: Mapping[str, Mapping[str, int]]) -> None:
    """Execute `statement` for each proxy with the parameters under its url."""
    if len(changes) > 1 and connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"urls": list(changes)})
    if changes:
        connection.execute(statement, [{"at_url": url, **change} for url, change in changes.items()])


def _add_weights(connection: sa.Connection, site: str, proxy_id: int, one: Weights) -> None:
    """Add a session to what the proxy, and all of them together, have at the site."""
    key = {"at_site": site, "at_proxy": proxy_id}
    present = connection.execute(_PAIR, key).all()
    if len(present) < 2:
        none = {"at_site": site, "new_successes": 0.0, "new_failures": 0.0, "new_time": one.time}
        insert = _INSERT_WEIGHTS[connection.dialect.name]
        connection.execute(insert, [{**none, "at_proxy": one_of} for one_of in (ALL_PROXIES, proxy_id)])
        present = connection.execute(_PAIR, key).all()
    changes = []
    for row_of, *weights in present:
        sums = Weights(*weights).plus(one)
        values = {"new_successes": sums.successes, "new_failures": sums.failures, "new_time": sums.time}
        changes.append({"at_site": site, "at_proxy": row_of, **values})
    connection.execute(_SET_WEIGHTS, changes)


_AT_URL: Final = PROXIES.c.url == sa.bindparam("at_url")
_AT_ID: Final = PROXIES.c.id == sa.bindparam("at_id")
_LOCK: Final = (
    sa.select(PROXIES.c.id)
    .where(PROXIES.c.url.in_(sa.bindparam("urls", expanding=True)))
    .order_by(PROXIES.c.id)
    .with_for_update()
)
_STANDING: Final = (
    sa.select(PROXIES.c.id, PROXIES.c.failures_in_row, PROXIES.c.disabled_until).where(_AT_URL).with_for_update()
)
_ENDED: Final = (
    sa.update(PROXIES)
    .where(_AT_ID)
    .values(
        successes=PROXIES.c.successes + sa.bindparam("success"),
        failures=PROXIES.c.failures + sa.bindparam("failure"),
        failures_in_row=sa.bindparam("new_failures_in_row"),
        disabled_until=sa.bindparam("new_disabled_until"),
    )
)
_LOADED: Final = (
    sa.update(PROXIES)
    .where(_AT_URL)
    .values(
        load_time_micros=PROXIES.c.load_time_micros + sa.bindparam("micros"),
        load_count=PROXIES.c.load_count + sa.bindparam("count"),
    )
)
_SHRUNK: Final = _LOADED.values(
    uses=PROXIES.c.uses - sa.bindparam("uses_gone"),
    successes=PROXIES.c.successes - sa.bindparam("successes_gone"),
    failures=PROXIES.c.failures - sa.bindparam("failures_gone"),
)
_NEW_TIME: Final = sa.bindparam("new_time", type_=sa.BigInteger)
_NEW_COUNTRY: Final = sa.bindparam("new_country", type_=sa.Text)
_COUNTED: Final = {
    "removed": False,
    "uses": PROXIES.c.uses + 1,
    "last_used": sa.case((PROXIES.c.last_used > _NEW_TIME, PROXIES.c.last_used), else_=_NEW_TIME),
    "session_country": sa.func.coalesce(_NEW_COUNTRY, PROXIES.c.session_country),
}
_STARTED: Final = sa.update(PROXIES).where(_AT_URL).values(_COUNTED)


def _first(insert: sqlite.Insert | postgresql.Insert) -> sa.Insert:
    """Return the statement that makes a proxy with its first session, unless another unit just did."""
    new = {"url": sa.bindparam("at_url"), "session_country": _NEW_COUNTRY, "last_used": _NEW_TIME, "uses": 1}
    return insert.values({**_UNUSED, **new}).on_conflict_do_update(index_elements=["url"], set_=_COUNTED)


_FIRST: Final = {"sqlite": _first(sqlite.insert(PROXIES)), "postgresql": _first(postgresql.insert(PROXIES))}
_AT_SITE: Final = sa.and_(
    PROXY_SITES.c.site == sa.bindparam("at_site"), PROXY_SITES.c.proxy_id == sa.bindparam("at_proxy")
)
_PAIR: Final = (
    sa.select(PROXY_SITES.c.proxy_id, PROXY_SITES.c.successes, PROXY_SITES.c.failures, PROXY_SITES.c.time)
    .where(
        PROXY_SITES.c.site == sa.bindparam("at_site"),
        PROXY_SITES.c.proxy_id.in_((ALL_PROXIES, sa.bindparam("at_proxy"))),
    )
    .order_by(PROXY_SITES.c.proxy_id)
    .with_for_update()
)
_NEW_WEIGHTS: Final[Mapping[str, Any]] = {
    "successes": sa.bindparam("new_successes"),
    "failures": sa.bindparam("new_failures"),
    "time": sa.bindparam("new_time"),
}
_SET_WEIGHTS: Final = sa.update(PROXY_SITES).where(_AT_SITE).values(_NEW_WEIGHTS)
_NEW_ROW: Final = {"site": sa.bindparam("at_site"), "proxy_id": sa.bindparam("at_proxy"), **_NEW_WEIGHTS}
_INSERT_WEIGHTS: Final = {
    "sqlite": sqlite.insert(PROXY_SITES).values(_NEW_ROW).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(PROXY_SITES).values(_NEW_ROW).on_conflict_do_nothing(),
}
_ALL: Final = sa.select(*PROXIES.c).where(sa.not_(PROXIES.c.removed)).order_by(PROXIES.c.id)
_BY_ID: Final = _ALL.where(_AT_ID)
_BY_ID_LOCKED: Final = _BY_ID.with_for_update()
_BY_URL: Final = _ALL.where(_AT_URL)
_MOST_USED: Final = _ALL.order_by(None).order_by(PROXIES.c.uses.desc(), PROXIES.c.id)
_PAGE: Final = _ALL.limit(sa.bindparam("limit")).offset(sa.bindparam("offset"))
_ENDED_SESSIONS: Final = sa.select(PROXIES.c.id, (PROXIES.c.successes + PROXIES.c.failures).label("ended")).where(
    sa.not_(PROXIES.c.removed)
)
# Known from sessions only, and these are gone.
_FORGET_UNUSED: Final = sa.delete(PROXIES).where(
    PROXIES.c.url.in_(sa.bindparam("urls", expanding=True)),
    PROXIES.c.uses == 0,
    sa.not_(PROXIES.c.managed),
    sa.not_(sa.exists().where(PROXY_LEASES.c.proxy_id == PROXIES.c.id)),
)
_FORGET_SITES: Final = sa.delete(PROXY_SITES).where(PROXY_SITES.c.time < sa.bindparam("oldest"))
_COUNT: Final = sa.select(sa.func.count()).select_from(PROXIES).where(sa.not_(PROXIES.c.removed))


def _add(insert: sqlite.Insert | postgresql.Insert) -> sa.Insert:
    """Return the statement that sets up a proxy, unless somebody has done so before."""
    names = ("country", "username", "password", "max_leases", "removed", "managed")
    setup = {name: insert.excluded[name] for name in names}
    return insert.on_conflict_do_update(index_elements=["url"], set_=setup, where=sa.not_(PROXIES.c.managed))


_ADD: Final = {"sqlite": _add(sqlite.insert(PROXIES)), "postgresql": _add(postgresql.insert(PROXIES))}
_TOTAL: Final = PROXY_SITES.alias("total")
_SITES: Final = (
    sa.select(
        PROXY_SITES.c.proxy_id,
        PROXY_SITES.c.site,
        PROXY_SITES.c.successes,
        PROXY_SITES.c.failures,
        PROXY_SITES.c.time,
        _TOTAL.c.successes.label("all_successes"),
        _TOTAL.c.failures.label("all_failures"),
        _TOTAL.c.time.label("all_time"),
    )
    .join(_TOTAL, sa.and_(_TOTAL.c.site == PROXY_SITES.c.site, _TOTAL.c.proxy_id == ALL_PROXIES))
    .where(
        PROXY_SITES.c.proxy_id.in_(sa.bindparam("proxy_ids", expanding=True)),
        PROXY_SITES.c.time > sa.bindparam("oldest"),
    )
)
