"""Looks, reports, waits: for as long as the environment runs."""

import time
from collections.abc import Callable
from typing import Final

from workers.supervise.pace import Pace
from workers.supervise.reports import NotDelivered, Reports
from workers.supervise.settings import Settings
from workers.supervise.snapshot import Connections, Observer, as_report

_LOOK_SECONDS: Final = 1.0


class Supervisor:
    """Reports what goes on in one environment. `say` gets a line when reports stop arriving, and when they do again.

    A report is made of what is seen when it is sent, so that the newest one alone is ever on its way.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._observer = Observer(settings)
        self._reports = Reports(settings)
        self._pace = Pace(settings.report_seconds)
        self._say = say
        self._silent = False

    def run(self) -> None:
        """Report until a signal ends the process.

        Raises:
            Refused: the server wants no more reports.
        """
        while True:
            seen = self._observer.connections()
            if self._pace.due(time.monotonic(), seen):
                self._report(seen)
            time.sleep(_LOOK_SECONDS)

    def _report(self, seen: Connections) -> None:
        try:
            self._reports.send(as_report(self._observer.look(seen)))
        except NotDelivered as failure:
            self._pace.failed(time.monotonic(), retry_seconds=failure.retry_seconds)
            if not self._silent:
                self._say(f"a report did not arrive and is tried again: {failure.reason}")
            self._silent = True
            return
        self._pace.delivered(time.monotonic(), seen)
        if self._silent:
            self._say("reports arrive again")
            self._silent = False
