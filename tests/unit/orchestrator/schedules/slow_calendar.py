"""A second calendar, as slow and plain as can be: walks through UTC minute by minute and looks at a clock on the wall.

It shares no code with the server, reads crontab(5) by itself, and says in `fires` what becomes of a night in which
clocks change: cron(8) of Debian, for changes of any size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR
FIRST, LAST = 1577836800, 1924991999  # 2020-01-01 to 2030-12-31
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
MONTHS = ["", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


@dataclass(frozen=True)
class Field:
    """The numbers that a field of an expression names, and whether it begins with a star."""

    numbers: frozenset[int]
    star: bool


@dataclass(frozen=True)
class Wall:
    """A minute of UTC, in seconds since 1970, and what a clock on the wall shows."""

    time: int
    local: datetime


@dataclass(frozen=True)
class Night:
    """A change of clocks: the first second after it, and the zones that have it, with the same time on the wall."""

    change: int
    zone: str
    zones: frozenset[str]


def field(text: str, least: int, most: int, names: Sequence[str] = ()) -> Field:
    def number(word: str) -> int:
        return names.index(word) if word in names else int(word)

    numbers: set[int] = set()
    for part in text.upper().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            low, high = least, most
        else:
            low = number(first)
            high = number(last) if last else most if step else low
        numbers.update(range(low, high + 1, int(step or 1)))
    return Field(frozenset(numbers), text.startswith("*"))


class SlowCron:
    """An expression of five fields."""

    def __init__(self, expression: str) -> None:
        minute, hour, day, month, weekday = expression.split()
        self.minute, self.hour = field(minute, 0, 59), field(hour, 0, 23)
        self.day, self.month = field(day, 1, 31), field(month, 1, 12, MONTHS)
        self.weekday = field(weekday, 0, 7, DAYS)

    def names(self, local: datetime) -> bool:
        """Whether the expression names this time on the wall."""
        if local.minute not in self.minute.numbers or local.hour not in self.hour.numbers:
            return False
        if local.month not in self.month.numbers:
            return False
        day = local.day in self.day.numbers
        weekday = not self.weekday.numbers.isdisjoint({local.isoweekday(), local.isoweekday() % 7})
        return day and weekday if self.day.star or self.weekday.star else day or weekday

    def fires(self, before: Wall, wall: Wall) -> bool:
        """Whether the expression fires at `wall`; `before` is the minute before it."""
        if self.minute.star or self.hour.star:
            return self.names(wall.local)
        if wall.local.fold == 0 and self.names(wall.local):
            return True
        return any(map(self.names, skipped_between(before, wall)))


def skipped_between(before: Wall, wall: Wall) -> Iterator[datetime]:
    """Yield the times on the wall that nobody saw."""
    minute = timedelta(minutes=1)
    # Both have the same zone, so this is the difference between the two times on the wall.
    for skipped in range(1, (wall.local - before.local) // minute):
        yield before.local + skipped * minute


def walls(zone: str, start: int, end: int) -> list[Wall]:
    """Return every minute from `start` to `end`, both included."""
    place = ZoneInfo(zone)
    return [Wall(time, datetime.fromtimestamp(time, place)) for time in range(start, end + 1, MINUTE)]


def slow_fire_times(expression: str, minutes: Sequence[Wall]) -> list[int]:
    """Return the seconds since 1970 at which `expression` fires in `minutes`, the first of which is left out."""
    cron = SlowCron(expression)
    return [wall.time for before, wall in pairwise(minutes) if cron.fires(before, wall)]


@cache
def zone_names() -> tuple[str, ...]:
    return tuple(sorted((files("tzdata") / "zones").read_text("utf-8").split()))


def changes(zone: str) -> list[tuple[int, int, int]]:
    """Return each change of clocks of `zone` from 2020 to 2030: its first second, and the offsets before and after it.

    No two of them lie within two days.
    """
    place = ZoneInfo(zone)

    def offset(time: int) -> int:
        return round((datetime.fromtimestamp(time, place).utcoffset() or timedelta()).total_seconds())

    found = []
    before = offset(FIRST)
    for start in range(FIRST, LAST, 2 * DAY):
        after = offset(start + 2 * DAY)
        if after != before:
            same, other = start, start + 2 * DAY
            while other - same > 1:
                middle = (same + other) // 2
                same, other = (middle, other) if offset(middle) == before else (same, middle)
            found.append((other, before, after))
        before = after
    return found


@cache
def nights() -> tuple[Night, ...]:
    """Return every change of clocks in every zone, the oldest first; zones that change alike stand together."""
    same_rules: dict[bytes, list[str]] = {}
    for zone in zone_names():
        same_rules.setdefault((files("tzdata.zoneinfo") / zone).read_bytes(), []).append(zone)
    alike: dict[tuple[int, int, int], list[str]] = {}
    for zones in same_rules.values():
        for change in changes(zones[0]):
            alike.setdefault(change, []).extend(zones)
    return tuple(Night(change[0], zones[0], frozenset(zones)) for change, zones in sorted(alike.items()))


def expressions_of(night: Night) -> tuple[str, ...]:
    """Return expressions that this night is hard for: they name what is skipped, or what comes twice."""
    place = ZoneInfo(night.zone)
    last = datetime.fromtimestamp(night.change - MINUTE, place)
    first = datetime.fromtimestamp(night.change, place)
    # Half-way through what is skipped or comes twice.
    edge = last.replace(tzinfo=None) + timedelta(minutes=1)
    middle = edge + (first.replace(tzinfo=None) - edge) / 2
    hours = sorted({last.hour, first.hour, middle.hour})
    some = ",".join(map(str, hours))
    return (
        f"{middle.minute} {middle.hour} * * *",
        f"{first.minute} {first.hour} * * *",
        f"{last.minute} {last.hour} * * *",
        f"0,15,30,45 {some} * * *",
        f"*/10 {some} * * *",
        f"*/20 {first.hour} {first.day} * *",
        f"*/20 {middle.hour} {middle.day} {middle.month} *",
        f"{middle.minute} * * * *",
        f"7 */2 {first.day} {first.month} {DAYS[first.isoweekday() % 7]}",
        f"*/5 {(first.hour + 1) % 24} * * *",
        f"*/7 {middle.hour} * * 1-6",
        "0 0 * * *",
        "0 * * * *",
        "*/15 * * * *",
        f"{middle.minute} {middle.hour} 1-15 * {DAYS[middle.isoweekday() % 7]}",
        f"59 0-23/3 * {MONTHS[first.month]} *",
    )


def utc(*when: int) -> int:
    """Return a date and time of UTC in seconds since 1970."""
    return round(datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[misc, arg-type]
