"""Cron expressions: which are taken, and what they say.

Pure. The syntax is that of cronsim, which follows Debian's cron (https://github.com/cuu508/cronsim): numbers and names,
`*`, lists, ranges and steps, and beyond cron `L` and `LW` as a day of the month, `MON#2` and `5L` as a day of the week.
Seconds are not taken, nor is `@reboot`.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cronsim import CronSim, CronSimError

from server.errors import InvalidArgument, Violation

# Source: crontab(5), "EXTENSIONS".
MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

# A range with one number in it and a step.
_ONE: Final = re.compile(r"(?<![^ ,])0*([0-9]+?|[A-Z]{3})-0*\1/0*[1-9][0-9]*(?![^ ,])")
# From here on cronsim looks for a fire time in the 50 years that follow; the calendar repeats itself after 28.
_EARLY: Final = datetime(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that fires at some time.

    `fields` are its five fields, in capitals, one space between them. `by_real_time` is whether minute or hour begin
    with `*`: then it fires so many minutes apart, whatever a clock on the wall does meanwhile. Source: cron(8) of
    Debian, which keeps apart "jobs that run at a specific time" from those that run more often.
    """

    fields: str
    by_real_time: bool


@lru_cache(maxsize=4096)
def parse(expression: str) -> Cron:
    """Return what `expression` says.

    Raises:
        InvalidArgument: it is no expression of five fields, or can never fire ("Invalid cron expression: ...").
    """
    fields = _five_fields(expression)
    try:
        first = next(CronSim(fields, _EARLY), None)
    except CronSimError as error:
        raise _invalid(_words(error)) from error
    if first is None:
        raise _invalid("there is no such date")
    minute, hour = fields.split(" ")[:2]
    return Cron(fields, by_real_time=minute.startswith("*") or hour.startswith("*"))


def _five_fields(expression: str) -> str:
    words = expression.split()
    if len(words) == 1 and words[0].startswith("@"):
        macro = MACROS.get(words[0].lower())
        if macro is None:
            raise _invalid(f"{words[0]!r} is none of {', '.join(MACROS)}")
        return macro
    if len(words) != 5:
        raise _invalid(f"it must have five fields (minute, hour, day, month, day of week), and has {len(words)}")
    if not expression.isascii():
        # Some letters become ASCII as capitals.
        raise _invalid("its letters must be ASCII")
    # cronsim takes 5-5/10 for 5/10, which goes on to the end of the hour.
    return _ONE.sub(r"\1", " ".join(words).upper())


def _words(error: CronSimError) -> str:
    """Return what cronsim says ("Bad day-of-week") in words of ours."""
    return str(error).replace("Bad ", "bad ")


def _invalid(reason: str) -> InvalidArgument:
    message = f"Invalid cron expression: {reason}"
    return InvalidArgument(message, violations=[Violation("cron_expression", f"must be a cron expression: {reason}")])
