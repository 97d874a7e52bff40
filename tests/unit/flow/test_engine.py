"""How a graph runs: order, variables, blocks, limits, stops. No node here opens a page."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from workers.flow.compile import compile_phases
from workers.flow.engine import run_graph
from workers.flow.graph import Graph, Node, Settings
from workers.flow.host import ArtifactKind, Level
from workers.flow.nodes import NODE_TYPES
from workers.flow.nodes.log import Log
from workers.flow.outcome import Outcome
from workers.flow.registry import Continue, NodeType, Registry


@dataclass
class QuietHost:
    """Keeps what it is told; allows no address."""

    folder: Path
    params: Mapping[str, object] = field(default_factory=dict)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    chromium_path: str | None = None
    lines: list[tuple[str, str]] = field(default_factory=list)
    reports: list[tuple[float | None, str]] = field(default_factory=list)
    artifacts: list[tuple[str, Path]] = field(default_factory=list)
    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def log(self, level: Level, message: str) -> None:
        self.lines.append((level, message))

    def progress(self, fraction: float | None, message: str) -> None:
        self.reports.append((fraction, message))

    def artifact(self, kind: ArtifactKind, path: Path) -> None:
        self.artifacts.append((kind, path))

    def browser_event(self, event_type: str, details: Mapping[str, object]) -> None:
        self.events.append((event_type, details))

    async def allow_url(self, url: str) -> list[str]:
        raise AssertionError(url)

    def spoken(self) -> list[str]:
        """What `log` steps said."""
        return [message for level, message in self.lines if level == "info" and not message.startswith("[")]


@pytest.fixture
def host(tmp_path: Path) -> QuietHost:
    return QuietHost(tmp_path)


async def run(host: QuietHost, *steps: Any, settings: Settings | None = None, types: Registry = NODE_TYPES) -> Outcome:
    graph = compile_phases([{"name": "main", "steps": list(steps)}], types=types)
    whole = Graph(graph.nodes, graph.edges, graph.start, graph.outline, settings or Settings())
    return await run_graph(whole, host, types=types)


FAIL = {"expect": {"equals": [1, 2]}}


async def test_steps_run_in_order_and_values_flow(host: QuietHost) -> None:
    host.params = {"name": "Ada"}

    outcome = await run(
        host,
        {"set": {"who": "{{params.name}}", "list": [1, "{{params.name}}"]}},
        {"log": "hello {{who}}"},
        {"log": "{{list[1]}} again"},
    )

    assert outcome == Outcome("succeeded", 3, {"who": "Ada", "list": [1, "Ada"]})
    assert host.spoken() == ["hello Ada", "Ada again"]


async def test_a_run_without_steps_succeeds(host: QuietHost) -> None:
    outcome = await run_graph(Graph({}, {}, None), host)

    assert outcome.state == "succeeded"
    assert [kind for kind, _ in host.artifacts] == ["result"]


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        ({"times": 3, "steps": [{"log": "{{number}}"}]}, ["1", "2", "3"]),
        ({"times": 0, "steps": [{"log": "never"}]}, []),
        ({"times": "{{params.n}}", "steps": [{"log": "{{number}}"}]}, ["1", "2"]),
        ({"items": ["a", {"b": 1}], "steps": [{"log": "{{item}}"}]}, ["a", '{"b": 1}']),
        ({"items": [], "steps": [{"log": "never"}]}, []),
        ({"items": "{{params.list}}", "name": "x", "steps": [{"log": "{{x.k}}"}]}, ["v", "w"]),
        (
            {"files": "media", "steps": [{"log": "{{file.name}} {{file.stem}} {{file.suffix}}"}]},
            ["a.png a .png", "b b "],
        ),
        (
            {"rows": "captions", "steps": [{"log": "{{loop.index}}/{{loop.number}}/{{loop.count}} {{row.caption}}"}]},
            ["0/1/2 one", "1/2/2 two"],
        ),
        (
            {"rows": "captions", "optional_columns": ["media"], "steps": [{"log": "[{{row.media}}]"}]},
            [],  # lines that begin with a bracket are not counted as spoken
        ),
        (
            {
                "times": 2,
                "name": "a",
                "steps": [{"for_each": {"times": 2, "name": "b", "steps": [{"log": "{{a}}{{b}}"}]}}],
            },
            ["11", "12", "21", "22"],
        ),
    ],
)
async def test_a_loop_makes_its_turns(host: QuietHost, loop: dict[str, Any], said: list[str]) -> None:
    host.params = {"n": 2, "list": [{"k": "v"}, {"k": "w"}]}
    (host.folder / "inputs/media/inner").mkdir(parents=True)
    (host.folder / "inputs/captions.csv").write_text("caption\none\ntwo\n")
    for name in ("b", "a.png", ".hidden"):
        (host.folder / "inputs/media" / name).touch()

    outcome = await run(host, {"for_each": loop}, {"set": {"after": True}})

    assert (outcome.state, outcome.outputs) == ("succeeded", {"after": True})
    assert host.spoken() == said


async def test_names_of_a_loop_end_with_it(host: QuietHost) -> None:
    outcome = await run(host, {"for_each": {"times": 1, "steps": [{"log": "in"}]}}, {"log": "{{number}}"})

    assert outcome.error_message == "phase 'main', step 2 (log): {{number}}: nothing is called 'number' here"
    assert (outcome.error_type, outcome.node_id, outcome.steps_finished) == ("StepFailed", "p1.2", 2)


@pytest.mark.parametrize(("flag", "said"), [(True, ["yes", "after"]), (False, ["no", "after"])])
async def test_a_branch_is_taken(host: QuietHost, flag: bool, said: list[str]) -> None:
    host.params = {"flag": flag}

    await run(
        host, {"if": {"is": "{{params.flag}}", "steps": [{"log": "yes"}], "else": [{"log": "no"}]}}, {"log": "after"}
    )

    assert host.spoken() == said


@pytest.mark.parametrize(
    ("steps", "said", "state"),
    [
        (
            [{"try": {"steps": [{"log": "a"}], "catch": [{"log": "c"}], "finally": [{"log": "f"}]}}, {"log": "z"}],
            "afz",
            "succeeded",
        ),
        (
            [
                {"try": {"steps": [FAIL, {"log": "a"}], "catch": [{"log": "c"}], "finally": [{"log": "f"}]}},
                {"log": "z"},
            ],
            "cfz",
            "succeeded",
        ),
        ([{"try": {"steps": [FAIL], "finally": [{"log": "f"}]}}, {"log": "z"}], "f", "failed"),
        ([{"try": {"steps": [{"log": "a"}], "finally": [{"log": "f"}]}}, {"log": "z"}], "afz", "succeeded"),
        (
            [{"try": {"steps": [FAIL], "catch": [{"log": "c"}, FAIL], "finally": [{"log": "f"}]}}, {"log": "z"}],
            "cf",
            "failed",
        ),
        ([{"try": {"steps": [{"log": "a"}], "catch": [{"log": "c"}], "finally": [FAIL]}}, {"log": "z"}], "a", "failed"),
        # The inner one lets its error through; the outer one catches it.
        (
            [
                {"try": {"steps": [{"try": {"steps": [FAIL], "finally": [{"log": "f"}]}}], "catch": [{"log": "c"}]}},
                {"log": "z"},
            ],
            "fcz",
            "succeeded",
        ),
        # An error inside of a loop ends the loop.
        (
            [
                {
                    "try": {
                        "steps": [{"for_each": {"times": 3, "steps": [{"log": "t"}, FAIL]}}],
                        "catch": [{"log": "c"}],
                    }
                },
                {"log": "z"},
            ],
            "tcz",
            "succeeded",
        ),
        # A `try` inside of a loop is new in each turn.
        (
            [{"for_each": {"times": 2, "steps": [{"try": {"steps": [FAIL], "catch": [{"log": "c"}]}}]}}, {"log": "z"}],
            "ccz",
            "succeeded",
        ),
    ],
)
async def test_a_try_keeps_its_order(host: QuietHost, steps: list[Any], said: str, state: str) -> None:
    outcome = await run(host, *steps)

    assert ("".join(host.spoken()), outcome.state) == (said, state)


async def test_a_caught_error_can_be_read(host: QuietHost) -> None:
    await run(host, {"try": {"steps": [FAIL], "catch": [{"log": "{{error.type}} {{error.node}} {{error.message}}"}]}})

    assert host.spoken() == ["StepFailed p1.1.1 expected 2, found 1"]


async def test_a_broken_captions_file_is_not_caught(host: QuietHost) -> None:
    outcome = await run(
        host, {"try": {"steps": [{"for_each": {"rows": "captions", "steps": [{"log": "x"}]}}], "catch": [{"log": "c"}]}}
    )

    assert (outcome.error_type, host.spoken()) == ("ConfigInvalid", [])


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([{"set": {"params": 1}}], "'params' cannot be the name of a variable"),
        ([{"set": {"a b": 1}}], "'a b' cannot be the name of a variable"),
        ([{"set": {"x": float("nan")}}], "nan is not a number that can be kept"),
        ([{"set": {"x": 2**70}}], "is not a number that can be kept"),
        ([{"sleep": "{{params.text}}"}], "argument 'seconds' must be a number"),
        ([{"sleep": "{{params.missing}}"}], "params has no 'missing'"),
        ([{"for_each": {"items": "{{params.text}}", "steps": [{"log": "x"}]}}], "'items' must be a list, not 'text'"),
        ([{"if": {"greater": ["{{params.text}}", 1], "steps": [{"log": "x"}]}}], "'text' is not a number"),
        # Doubling a text, or a list, does not fill the memory.
        (
            [{"set": {"x": "xxxxxxxx"}}, {"for_each": {"times": 50, "steps": [{"set": {"x": "{{x}}{{x}}"}}]}}],
            "longer than",
        ),
        (
            [{"set": {"x": [1]}}, {"for_each": {"times": 50, "steps": [{"set": {"x": ["{{x}}", "{{x}}"]}}]}}],
            "larger than",
        ),
        ([{"for_each": {"times": 1000, "steps": [{"set": {"x": 1}}]}}], "the run has taken more than 500 steps"),
    ],
)
async def test_a_step_that_cannot_be_done_ends_the_run(host: QuietHost, steps: list[Any], reason: str) -> None:
    host.params = {"text": "text"}

    outcome = await run(host, *steps, settings=Settings(step_limit=500))

    assert outcome.error_type == "StepFailed"
    assert reason in outcome.error_message


async def test_a_dead_end_inside_of_a_block_is_an_error(host: QuietHost) -> None:
    nodes = {"loop": Node("loop", "for_each", {"times": 2}), "end": Node("end", "log", {"message": "x"})}

    outcome = await run_graph(Graph(nodes, {"loop": {"body": "end"}}, "loop"), host)

    assert (outcome.state, outcome.node_id) == ("failed", "end")


async def test_an_unknown_node_is_an_error(host: QuietHost) -> None:
    outcome = await run_graph(Graph({"a": Node("a", "teleport", {})}, {}, "a"), host)

    assert (outcome.error_type, outcome.node_id) == ("ConfigInvalid", "a")


async def test_a_step_that_hangs_is_ended(host: QuietHost) -> None:
    async def hang(arguments: Log, job: object) -> Continue:
        await asyncio.sleep(3600)
        return Continue()

    class Impatient(NodeType[Log]):
        def limit_seconds(self, arguments: Log) -> float:
            return 0.05

    outcome = await run(host, {"hang": "x"}, types=Registry([Impatient("hang", Log, hang)]))

    assert outcome.error_type == "Timeout"
    assert outcome.error_message == "phase 'main', step 1 (hang): the step did not come back within 0.05 s"


async def test_a_fault_of_ours_is_raised_and_not_told_as_the_bots(host: QuietHost) -> None:
    async def stumble(arguments: Log, job: object) -> Continue:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run(host, {"stumble": "x"}, types=Registry([NodeType("stumble", Log, stumble)]))


async def test_a_stop_before_the_first_step(host: QuietHost) -> None:
    host.cancelled.set()

    outcome = await run(host, {"log": "x"})

    assert (outcome.state, outcome.error_type, host.spoken()) == ("cancelled", "Cancelled", [])


@pytest.mark.parametrize(
    "step",
    [
        {"sleep": 3600},
        {"for_each": {"times": 2, "pause": 3600, "steps": [{"log": "x"}]}},
        {"for_each": {"times": 1_000_000, "steps": [{"set": {"x": "{{number}}"}}]}},  # waits for nothing
        {"try": {"steps": [{"sleep": 3600}], "catch": [{"sleep": 3600}], "finally": [{"sleep": 3600}]}},
    ],
)
async def test_a_stop_ends_what_goes_on(host: QuietHost, step: dict[str, Any]) -> None:
    task = asyncio.create_task(run(host, step, settings=Settings(step_limit=1_000_000)))
    await asyncio.sleep(0.05)

    host.cancelled.set()
    async with asyncio.timeout(1):
        outcome = await task

    assert outcome.state == "cancelled"
    assert host.lines[-1] == ("warning", "Cancelled: the run was stopped")


async def test_a_step_has_one_line_in_the_log(host: QuietHost) -> None:
    await run(host, {"sleep": 0}, {"log": "spoken"}, {"if": {"is": True, "steps": [{"set": {"x": 1}}]}}, FAIL)

    assert host.lines == [
        ("info", "[main] 1 sleep: 0 s"),
        ("info", "spoken"),
        ("debug", "[main] 3 if"),
        ("info", "[main] 3.1 set: x"),
        ("info", "[main] 4 expect: two equal values"),
        ("error", "StepFailed: phase 'main', step 4 (expect): expected 2, found 1"),
    ]


async def test_progress_grows_to_one(host: QuietHost) -> None:
    await run(host, {"sleep": 0.3}, {"for_each": {"times": 2, "pause": 0.3, "steps": [{"log": "x"}]}}, {"log": "y"})

    fractions = [fraction for fraction, _ in host.reports if fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert any(0 < fraction < 1 for fraction in fractions)


async def test_result_json_says_what_happened(host: QuietHost) -> None:
    await run(host, {"set": {"x": "é"}}, FAIL)

    [(kind, path)] = host.artifacts
    document = json.loads(path.read_text())
    assert (kind, path.name) == ("result", "result.json")
    assert document["status"] == "error"
    assert document["error"] == {
        "type": "StepFailed",
        "message": "phase 'main', step 2 (expect): expected 2, found 1",
        "node_id": "p1.2",
    }
    assert document["outputs"] == {"x": "é"}
    assert document["steps_finished"] == 1
    assert [(step["node_id"], step["status"]) for step in document["steps"]] == [("p1.1", "success"), ("p1.2", "error")]
    assert document["started_at"] <= document["finished_at"]


async def test_a_long_loop_stays_small(host: QuietHost) -> None:
    outcome = await run(
        host, {"for_each": {"times": 20_000, "steps": [{"if": {"is": False, "steps": [{"log": "x"}]}}]}}
    )

    assert (outcome.state, outcome.steps_finished) == ("succeeded", 20_001)
    [(_, path)] = host.artifacts
    assert len(json.loads(path.read_text())["steps"]) == 10_000
