"""What each iteration sets as the seed, and where. Pure but for the dice.

A seed is a whole number that is an input called `seed` or `noise_seed`; one that comes from another node is left alone.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

from workers.comfy.errors import Invalid
from workers.comfy.inputs import Change, applied
from workers.comfy.workflow import Graph

Policy: TypeAlias = Literal["keep", "random", "increment", "fixed"]

SEED_INPUTS: Final = ("seed", "noise_seed")
# Nodes differ in how large a seed they take; all take these.
RANDOM_SEEDS: Final = 1 << 32
# The contract's int64.
LARGEST_SEED: Final = (1 << 63) - 1


def seeds_for(graph: Graph, policy: Policy, *, seed: int | None, iterations: int) -> Sequence[int]:
    """Return one seed for each iteration; none when those of the graph are kept.

    `seed` is what the caller gave. At random, no two iterations have the same.

    Raises:
        Invalid: the graph has no seed, none was given where one is needed, or it becomes too large.
    """
    if policy == "keep":
        return []
    own = next(_seeds(graph), None)
    if own is None:
        raise Invalid(f"seed_policy {policy}: no node has an input {' or '.join(SEED_INPUTS)} that takes a value")
    if policy == "random":
        return random.sample(range(RANDOM_SEEDS), iterations)
    if policy == "increment":
        first = own.value if seed is None else seed
        if first + iterations - 1 > LARGEST_SEED:
            raise Invalid(f"seed_policy increment: the seed would become larger than {LARGEST_SEED}")
        return range(first, first + iterations)
    if seed is None:
        raise Invalid("seed_policy fixed needs a seed")
    return [seed] * iterations


def with_seed(graph: Graph, seed: int) -> str:
    """Return `graph` as JSON with `seed` for each of its seeds, which it has itself afterwards."""
    return applied(graph, [Change(own.node_id, own.widget, seed) for own in _seeds(graph)])


def _seeds(graph: Graph) -> Iterator[Change]:
    """Return the seeds of a graph, as the changes that would leave them as they are."""
    for node_id, node in graph.items():
        for name in SEED_INPUTS:
            value = node["inputs"].get(name)
            if type(value) is int:  # a bool is none
                yield Change(node_id, name, value)
