"""Which proxy is leased: the highest score at the site, then the fewest leases, then the longest rest. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from server.errors import NoProxy
from server.telemetry.proxies.proxy_health import Health, suffices
from switchyard.telemetry.v1.proxy_pb2 import ProxyHealth

# What is held against a proxy without a sample: nothing.
NEUTRAL_SCORE: Final = 1.0


class Obstacle(Enum):
    """What keeps a proxy from being leased, in the words of a count: "2 disabled by failures"."""

    COUNTRY = "of another country"
    SWITCHED_OFF = "switched off"
    DISABLED = "disabled by failures"
    BLACKLISTED = "blacklisted by its health"
    FULL = "at its limit of leases"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proxy as far as the choice goes. `newest_lease` is the id of its newest lease, empty when it never had one;
    ids go by time. `scored_by` says in words what the score rests on.
    """

    id: int
    country: str | None
    enabled: bool
    disabled: bool
    blacklisted: bool
    score: float
    scored_by: str
    max_leases: int | None
    live_leases: int
    newest_lease: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The number of the proxy, and why this one, a sentence for each fact."""

    proxy_id: int
    reasons: tuple[str, ...]


def score_at(health: Health, site: str) -> tuple[float, str]:
    """Return the score of a proxy at `site`, in hundredths so that equals take turns, and what it rests on.

    Where the site itself says nothing, that is the score over all sites; without a sample nothing is held against it.
    """
    there = health.site_scores.get(site) if site else None
    if there is not None:
        return round(there, 2), f"at {site}"
    if suffices(health.sample):
        return round(health.score, 2), "over all sites"
    return NEUTRAL_SCORE, "given to what is unproven"


def blacklisted(health: Health) -> bool:
    """Whether its health keeps a proxy from being leased."""
    return health.verdict == ProxyHealth.VERDICT_BLACKLISTED


def obstacle(candidate: Candidate, *, country: str, renewal: bool = False) -> Obstacle | None:
    """Return what keeps `candidate` from being leased, None when it is fit. `country` is empty when any will do.

    With `renewal` one of its leases is that of the caller, and the limit does not matter.
    """
    if country and (candidate.country or "").casefold() != country.casefold():
        return Obstacle.COUNTRY
    if not candidate.enabled:
        return Obstacle.SWITCHED_OFF
    if candidate.disabled:
        return Obstacle.DISABLED
    if candidate.blacklisted:
        return Obstacle.BLACKLISTED
    full = candidate.max_leases is not None and candidate.live_leases >= candidate.max_leases
    return Obstacle.FULL if full and not renewal else None


def choose(candidates: Sequence[Candidate], *, country: str) -> Choice:
    """Return the best of `candidates` that is fit.

    Raises:
        NoProxy: none is. The sentence says how many there are and what keeps them from it.
    """
    obstacles = [obstacle(one, country=country) for one in candidates]
    fit = [one for one, kept in zip(candidates, obstacles, strict=True) if kept is None]
    if not fit:
        raise _no_proxy(Counter(kept for kept in obstacles if kept is not None))
    best = _least(fit, lambda one: -one.score)
    idle = _least(best, lambda one: one.live_leases)
    chosen = min(idle, key=lambda one: (one.newest_lease, one.id))
    return Choice(chosen.id, tuple(_reasons(chosen, fit, best, idle)))


def _least(candidates: Sequence[Candidate], key: Callable[[Candidate], float]) -> list[Candidate]:
    least = min(map(key, candidates))
    return [one for one in candidates if key(one) == least]


def _reasons(
    chosen: Candidate, fit: Sequence[Candidate], best: Sequence[Candidate], idle: Sequence[Candidate]
) -> list[str]:
    score = f"Score {chosen.score:.2f} {chosen.scored_by}"
    if len(fit) == 1:
        return [f"{score}; no other proxy is fit."]
    if len(best) == 1:
        return [f"{score}, the best of {len(fit)} fit proxies."]
    told = [f"{score}, the best of {len(fit)} fit proxies; {len(best)} have as much."]
    if len(idle) < len(best):
        told.append(f"Live leases of it: {chosen.live_leases}, the fewest among these.")
    if len(idle) > 1:
        told.append(f"Of {len(idle)} with as few leases it has rested the longest.")
    return told


def _no_proxy(counted: Counter[Obstacle]) -> NoProxy:
    total = counted.total()
    if not total:
        return NoProxy("No proxy is known", proxies="0")
    told = ", ".join(_counted(counted[kept], kept) for kept in Obstacle if counted[kept])
    refusal = NoProxy(f"{total} {'proxy' if total == 1 else 'proxies'}: {told}", proxies=str(total))
    refusal.metadata |= {kept.name.lower(): str(counted[kept]) for kept in Obstacle if counted[kept]}
    return refusal


def _counted(number: int, kept: Obstacle) -> str:
    return f"{number} {kept.value if number == 1 else kept.value.replace(' its ', ' their ')}"
