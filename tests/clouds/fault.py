"""What a cloud does wrong on purpose, the same for every stand-in."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

LATE_SECONDS: Final = 0.3


class Kind(StrEnum):
    """What goes wrong with one request."""

    ERROR = "error"  # 500, and nothing was done
    BUSY = "busy"  # told to come again, and nothing was done
    LOST = "lost"  # the connection ends before anything was done
    CUT = "cut"  # it was carried out, and the connection ends before the answer
    SILENT = "silent"  # it was carried out, and no answer ever comes
    LATE = "late"  # it is carried out a while after it came in, whether someone waits for the answer or not
    QUOTA = "quota"
    REFUSED = "refused"


# What passes by itself, so an operation that meets it is done all the same.
PASSING = (Kind.ERROR, Kind.BUSY, Kind.LOST, Kind.CUT, Kind.SILENT)


@dataclass(frozen=True, slots=True)
class Request:
    """One request that came in: its step ("ecs:CreateService"), address, body and answer's status."""

    step: str
    url: str
    body: str
    status: int = 0


@dataclass(slots=True)
class Faults:
    """The faults to come, and the requests that have come."""

    requests: list[Request] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)  # steps of requests, as they come in
    in_flight: int = 0  # requests that have come in, and are yet to be carried out
    _planned: dict[str, list[Kind]] = field(default_factory=dict)
    _once_each: Kind | None = None
    _only: Callable[[str], bool] = bool
    _met: set[str] = field(default_factory=set)

    def plan(self, step: str, kind: Kind, times: int = 1) -> None:
        """Let the next `times` requests of that step go wrong."""
        self._planned.setdefault(step, []).extend([kind] * times)

    def plan_once_each(self, kind: Kind, only: Callable[[str], bool] | None = None) -> None:
        """Let the first request of each step go wrong, or of those steps that `only` picks."""
        self._once_each = kind
        self._only = only or bool

    def met(self) -> Collection[str]:
        """Return the steps whose first request went wrong so."""
        return self._met

    def take(self, step: str) -> Kind | None:
        """Return what goes wrong with a request of that step now."""
        if self._once_each is not None and step not in self._met and self._only(step):
            self._met.add(step)
            return self._once_each
        planned = self._planned.get(step)
        return planned.pop(0) if planned else None

    async def arrive(self, step: str) -> Kind | None:
        """Take note of a request that has come in, and return what goes wrong with it."""
        kind = self.take(step)
        self.arrived.append(step)
        if kind is Kind.LATE:
            self.in_flight += 1
            await asyncio.sleep(LATE_SECONDS)
            self.in_flight -= 1
        return kind

    def clear(self) -> None:
        """Forget all of it."""
        self.requests.clear()
        self.arrived.clear()
        self._planned.clear()
        self._once_each = None
        self._met.clear()

    def steps(self) -> list[str]:
        """Return the steps that have been asked for, in their order."""
        return [request.step for request in self.requests]

    def plan_from(self, wishes: Mapping[str, Any]) -> None:
        """Take a plan as it comes over HTTP: step, kind, and optionally times."""
        self.plan(str(wishes["step"]), Kind(wishes["kind"]), int(wishes.get("times", 1)))
