"""`python -m workers.supervise`: runs inside an environment and reports what goes on in it."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from workers.supervise import REFUSED
from workers.supervise.reports import Refused
from workers.supervise.settings import read_settings
from workers.supervise.supervisor import Supervisor


def main(arguments: Sequence[str]) -> None:
    """Report until told to stop, or until the server wants no more reports."""
    settings = read_settings(arguments, os.environ)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        Supervisor(settings, say).run()
    except Refused as refusal:
        say(str(refusal))
        sys.exit(REFUSED)


def end(_number: int, _frame: FrameType | None) -> None:
    """End wherever it is; a report that is under way is worth nothing any more."""
    sys.exit(0)


def say(line: str) -> None:
    """Write a line into the log of the environment."""
    print(f"switchyard supervise: {line}", file=sys.stderr, flush=True)  # noqa: T201 -- what it is asked for


if __name__ == "__main__":
    main(sys.argv[1:])
