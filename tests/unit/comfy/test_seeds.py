"""Seeds of iterations."""

import json
from typing import Any

import pytest

from workers.comfy.errors import Invalid
from workers.comfy.seeds import LARGEST_SEED, Policy, seeds_for, with_seed
from workers.comfy.workflow import Graph


def graph(**inputs: Any) -> Graph:
    return {"1": {"class_type": "Loader", "inputs": {}}, "2": {"class_type": "Sampler", "inputs": inputs}}


@pytest.mark.parametrize(
    ("policy", "seed", "inputs", "seeds"),
    [
        ("keep", None, {"seed": 7}, []),
        ("keep", 5, {}, []),
        ("fixed", 5, {"seed": 7}, [5, 5, 5]),
        ("increment", None, {"seed": 7}, [7, 8, 9]),
        ("increment", None, {"noise_seed": 7}, [7, 8, 9]),
        ("increment", 0, {"seed": 7}, [0, 1, 2]),
    ],
)
def test_each_policy_gives_its_seeds(
    policy: Policy, seed: int | None, inputs: dict[str, Any], seeds: list[int]
) -> None:
    assert list(seeds_for(graph(**inputs), policy, seed=seed, iterations=3)) == seeds


def test_random_seeds_differ_within_one_call_and_between_calls() -> None:
    first, second = (seeds_for(graph(seed=7), "random", seed=None, iterations=100) for _ in range(2))

    assert len(set(first)) == 100
    assert set(first) != set(second)
    assert all(0 <= seed < 1 << 32 for seed in first)


@pytest.mark.parametrize(
    ("policy", "seed", "inputs", "words"),
    [
        ("random", None, {}, "no node has an input seed or noise_seed"),
        ("random", None, {"seed": ["1", 0]}, "no node has an input"),  # connected: it takes no value
        ("random", None, {"seed": "x", "noise_seed": True}, "no node has an input"),
        ("fixed", None, {"seed": 7}, "needs a seed"),
        ("increment", LARGEST_SEED, {"seed": 7}, "larger than"),
        ("increment", None, {"seed": (1 << 64) - 1}, "larger than"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(
    policy: Policy, seed: int | None, inputs: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        seeds_for(graph(**inputs), policy, seed=seed, iterations=2)


@pytest.mark.parametrize("name", ["seed", "noise_seed"])
@pytest.mark.parametrize("value", [1, 2**63])
def test_every_input_that_holds_a_seed_gets_it(name: str, value: int) -> None:
    seeded = json.loads(with_seed(graph(**{name: value, "steps": 20}), 5))

    assert seeded == graph(**{name: 5, "steps": 20})


@pytest.mark.parametrize("inputs", [{"seed": ["1", 0]}, {"seed": "x"}, {"seed": True}, {"steps": 20}, {}])
def test_everything_else_stays_as_it_is(inputs: dict[str, Any]) -> None:
    assert json.loads(with_seed(graph(**inputs), 5)) == graph(**inputs)
