"""When a cron expression fires in a time zone, and what happens there when clocks change.

Pure. Fire times are instants, and each is one: no clock change makes an expression fire twice at one of them. The rules
are those of Debian's cron (cron(8), "DAYLIGHT SAVING TIME AND OTHER TIME CHANGES"), as cronsim has them:

- An expression whose minute and hour both begin with something else than `*` stands for times on the wall. A time that
  is skipped because clocks go forward fires at the first minute after the change, once, however many were skipped. A
  time that comes twice because clocks go back fires the first time only. Debian does so for changes of less than three
  hours; here every change counts.
- Any other expression fires by real time: at each minute whose time on the wall it names. What is skipped does not
  fire, and what comes twice is two instants, an hour apart, and fires at both (`*/15 * * * *` keeps firing every
  15 minutes).

The first rule is cronsim's own code. For the second, cronsim steps by whole hours, and loses minutes where clocks
change within an hour (Lord Howe, Chatham); so it is asked for times on the wall only, between one change and the next.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim

from server.clock import SECOND
from server.errors import InvalidArgument
from server.orchestrator.schedules import cron

DAY_SECONDS: Final = 24 * 3600
# Python's calendar ends with the year 9999, and cronsim looks 50 years ahead.
LATEST: Final = int(datetime(9900, 1, 1, tzinfo=UTC).timestamp()) * SECOND
"""There are no fire times after this one, in micros."""

_EPOCH: Final = datetime(1970, 1, 1)


def check_zone(name: str) -> None:
    """Refuse a name that is no time zone.

    Raises:
        InvalidArgument: it is none of the IANA names.
    """
    if name not in _zone_names():
        raise InvalidArgument.field("timezone", "must be the IANA name of a time zone, like Europe/Amsterdam")


@lru_cache(maxsize=4096)  # many schedules have the same expression, and are due at the same time
def next_fire_time(expression: str, zone: str, after: int) -> int | None:
    """Return the first fire time later than `after` (micros, from 1970 on), None when there is none any more.

    Raises:
        InvalidArgument: `expression` is no cron expression, or `zone` no time zone.
    """
    parsed = cron.parse(expression)
    check_zone(zone)
    if after >= LATEST:
        return None
    find = _next_by_real_time if parsed.by_real_time else _next_by_wall
    found = find(parsed.fields, ZoneInfo(zone), after // SECOND)
    return None if found is None else found * SECOND


def fire_times(expression: str, zone: str, after: int) -> Iterator[int]:
    """Yield the fire times later than `after` in order, in micros. Raises what `next_fire_time` raises."""
    found = next_fire_time(expression, zone, after)
    while found is not None:
        yield found
        found = next_fire_time(expression, zone, found)


def _next_by_wall(fields: str, zone: ZoneInfo, after: int) -> int | None:
    """All numbers here and below are whole seconds since 1970, and fire times are whole minutes."""
    for found in CronSim(fields, datetime.fromtimestamp(after, zone)):
        # The second time round, what comes twice lies behind us.
        if (time := round(found.timestamp())) > after:
            return time
    return None


def _next_by_real_time(fields: str, zone: ZoneInfo, after: int) -> int | None:
    at, offset = after, _offset(zone, after)
    while (wall := _next_on_wall(fields, at + offset)) is not None:
        found = wall - offset
        near = min(found, at + DAY_SECONDS)
        change = _next_change(zone, at, near, offset)
        if change is not None:
            at, offset = change - 1, _offset(zone, change)
        elif near == found:
            return found
        else:
            # No change moves a clock by more than a day, so whatever changes there are, none of them brings forth a
            # matching time earlier than a day before.
            at = max(near, found - 2 * DAY_SECONDS)
            offset = _offset(zone, at)
    return None


def _next_on_wall(fields: str, after: int) -> int | None:
    """Return the first time on the wall later than `after` that matches; both as if the wall hung in UTC."""
    found = next(CronSim(fields, _EPOCH + timedelta(seconds=after)), None)
    return None if found is None else round((found - _EPOCH).total_seconds())


def _next_change(zone: ZoneInfo, start: int, end: int, offset: int) -> int | None:
    """Return the first second in (`start`, `end`], at most a day, at which `zone` has another offset than `offset`.

    No zone changes twice within a day, so it is enough to look at the end.
    """
    if _offset(zone, end) == offset:
        return None
    same, other = start, end
    while other - same > 1:
        middle = (same + other) // 2
        if _offset(zone, middle) == offset:
            same = middle
        else:
            other = middle
    return other


def _offset(zone: ZoneInfo, at: int) -> int:
    """Return how many seconds `zone` is ahead of UTC at the instant `at`."""
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    assert offset is not None, "each time zone has an offset"  # noqa: S101 - tells the type checker
    return round(offset.total_seconds())


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    # Those of the locked package; folders of the system hold files that are no zones, like "localtime".
    return frozenset((files("tzdata") / "zones").read_text("utf-8").split())
