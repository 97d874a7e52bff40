"""How a proxy fares as far as it is to blame itself, and why. Pure.

At each site the success of the proxy is held against that of the other proxies there over the same time, so that a site
that refuses everyone is nobody's fault. A site where fewer than five sessions of others count gives nothing to compare
with, and every session is expected to succeed. Every other site counts, however few sessions it had: the sample is
asked for over all sites together, and a site weighs as much as success could be expected there.

The score is the success the proxy had, over all sites that count, against what was to be expected:

    sum of s / sum of max(s, n * r)

with `s` successes of `n` sessions, and `r` the success rate of the others. It is the mean of the sites' own scores
s / max(s, n * r), and one more failure never raises it.

Shares are compared in whole percent and samples in tenths of a session, just as the reasons show them: four successes
of five are 80 %, though the first of them weighs a little less than the last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from server.telemetry.proxies.site_weights import Weights
from switchyard.telemetry.v1.proxy_pb2 import ProxyHealth

HEALTHY_PERCENT: Final = 80
FLAGGED_PERCENT: Final = 50
# Where fewer of a hundred sessions succeed, a site refuses.
REFUSING_PERCENT: Final = 5
# Sessions that must count before anything is concluded from them.
LEAST_SAMPLE: Final = 5
# Less of a session says nothing any more.
LEAST_WEIGHT: Final = 0.05
# So many sites are told in the reasons; the others stand in the list of sites.
TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """Sessions of a proxy at a site, and of all other proxies there, with the weight they have by now.

    `site` is empty for sessions that named no target.
    """

    site: str
    own: Weights
    siblings: Weights

    @property
    def sampled(self) -> bool:
        """Whether the proxy's own sessions suffice for a conclusion."""
        return suffices(self.own.sessions)

    @property
    def comparable(self) -> bool:
        """Whether the sessions of the others suffice for one."""
        return suffices(self.siblings.sessions)

    @property
    def counts(self) -> bool:
        """Whether the site says anything about the proxy. One that refuses everyone does not."""
        return not (self.comparable and _refused(self.own) and _refused(self.siblings))

    @property
    def expected(self) -> float:
        """Successes that count as a full score: those of the others, or those it had if these are more."""
        rate = self.siblings.rate if self.comparable else 1.0
        return max(self.own.successes, self.own.sessions * rate)

    @property
    def score(self) -> float:
        """Success against what was to be expected, 0 to 1; 1 where the site does not count."""
        return self.own.successes / self.expected if self.counts and self.expected else 1.0


@dataclass(frozen=True, slots=True)
class Health:
    """What the sessions of a proxy amount to. `sites` begin with the one it was used for most; `site_scores` has those
    that count and say enough by themselves.
    """

    verdict: ProxyHealth.Verdict.ValueType
    score: float
    sample: float
    sites: tuple[SiteFigures, ...]
    site_scores: Mapping[str, float]


def judge(figures: Iterable[SiteFigures]) -> Health:
    """Return what `figures`, all of one time and each of another site, amount to."""
    sites = sorted(
        (one for one in figures if one.own.sessions >= LEAST_WEIGHT), key=lambda one: (-one.own.sessions, one.site)
    )
    counting = [one for one in sites if one.counts]
    sample = sum(one.own.sessions for one in counting)
    expected = sum(one.expected for one in counting)
    score = min(1.0, sum(one.own.successes for one in counting) / expected) if expected else 1.0
    site_scores = {one.site: one.score for one in counting if one.sampled}
    return Health(_verdict(score, sample), score, sample, tuple(sites), site_scores)


def suffices(sample: float) -> bool:
    """Whether so many sessions allow a conclusion."""
    return round(sample, 1) >= LEAST_SAMPLE


def reasons(health: Health) -> list[str]:
    """Return why the verdict is what it is, a sentence for each fact, the most important one first."""
    poor = [one for one in health.sites if one.counts and _percent(one.score) < HEALTHY_PERCENT]
    # What costs the most success comes first.
    poor.sort(key=lambda one: one.own.successes - one.expected)
    refusing = [_name(one.site) for one in health.sites if not one.counts]
    told = [_overall_reason(health), *(f"{_name(one.site)}: {site_reason(one)}" for one in poor[:TOLD])]
    if len(poor) > TOLD:
        told.append(f"{len(poor) - TOLD} more sites have a score below {HEALTHY_PERCENT} %.")
    if refusing:
        told.append(f"Not held against it, as everyone is refused there: {_listed(refusing)}.")
    return told


def site_reason(one: SiteFigures) -> str:
    """Return why a site has the score it has, in one sentence."""
    others = f"{_percent(one.siblings.rate)} % of {one.siblings.sessions:,.1f}"
    if not one.counts:
        return (
            f"The site refuses everyone: {_percent(one.own.rate)} % of {one.own.sessions:,.1f} sessions succeeded,"
            f" with other proxies {others}; it does not count."
        )
    own = f"{_percent(one.own.rate)} % of {one.own.sessions:,.1f} sessions succeeded"
    if not one.comparable:
        return (
            f"{own}; other proxies had {one.siblings.sessions:,.1f} sessions there, too few to compare with"
            f" ({LEAST_SAMPLE} are needed)."
        )
    return f"{own}, with other proxies {others}."


def _verdict(score: float, sample: float) -> ProxyHealth.Verdict.ValueType:
    if not suffices(sample):
        return ProxyHealth.VERDICT_UNPROVEN
    if _percent(score) >= HEALTHY_PERCENT:
        return ProxyHealth.VERDICT_HEALTHY
    return ProxyHealth.VERDICT_FLAGGED if _percent(score) >= FLAGGED_PERCENT else ProxyHealth.VERDICT_BLACKLISTED


def _overall_reason(health: Health) -> str:
    if not suffices(health.sample):
        return (
            f"{health.sample:,.1f} sessions count by now and a verdict needs {LEAST_SAMPLE};"
            " nothing is held against it."
        )
    return (
        f"It had {_percent(health.score)} % of the success to be expected of {health.sample:,.1f} sessions:"
        f" {_SCALE[health.verdict]}."
    )


_SCALE: Final = {
    ProxyHealth.VERDICT_HEALTHY: f"healthy, which takes {HEALTHY_PERCENT} %",
    ProxyHealth.VERDICT_FLAGGED: f"flagged, as healthy takes {HEALTHY_PERCENT} %",
    ProxyHealth.VERDICT_BLACKLISTED: f"blacklisted, as it is below {FLAGGED_PERCENT} %",
}


def _refused(weights: Weights) -> bool:
    return _percent(weights.rate) < REFUSING_PERCENT


def _percent(share: float) -> int:
    return round(share * 100)


def _name(site: str) -> str:
    return site or "Sessions without a target"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return ", ".join(names[:TOLD]) + more
