"""Runs of workflows in processes of their own, without any server."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from switchyard.orchestrator.v1.graph_pb2 import Connection, Graph, Node
from switchyard.orchestrator.v1.job_pb2 import NodeExecution
from tests.integration.workers.asking_program import QUESTIONS
from workers.conversation import Reins
from workers.job_server import JobServerRefused
from workers.runner.launcher import Launcher
from workers.runner.messages import KEEPER_NAME, RUN_NAME
from workers.workflow.host import Subworkflow
from workers.workflow_process import PROGRAM, PROGRAMS, Ended, Job, run_workflow


@pytest.fixture(scope="module")
def wait_forever() -> Graph:
    return _chain(("first", "LogNode", {"message": "begun"}), ("wait", "WaitNode", {"duration": 600}))


@pytest.fixture
async def launcher() -> AsyncIterator[Launcher]:
    async with Launcher(PROGRAMS) as launcher:
        yield launcher


@pytest.fixture
async def asking() -> AsyncIterator[Launcher]:
    """Starts runs that ask all there is to ask."""
    async with Launcher({PROGRAM: "tests.integration.workers.asking_program:ask"}) as launcher:
        yield launcher


class JobLost(Exception):
    """The job has gone to somebody else."""


@dataclass
class OneWorkflow:
    """A server that knows one workflow and one address, and keeps what it is told. `lost`: it has lost the job."""

    refusal: str = ""
    lost: bool = False
    # It does not answer while this is not set.
    there: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    kept: list[tuple[bytes, Sequence[str], int]] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    browser: list[tuple[str, Mapping[str, object], int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.there.set()

    async def resolve(self, _url: str) -> Sequence[str]:
        await self._answerable()
        return ["192.0.2.1"]

    async def workflow(self, name: str) -> Subworkflow:
        await self._answerable()
        return Subworkflow(f"id of {name}", _chain(("inner", "LogNode", {})), {"inner": "secret"})

    async def keep(self, checkpoint: bytes, executed: Sequence[NodeExecution], *, before: int) -> None:
        await self._answerable()
        self.kept.append((checkpoint, [one.node_id for one in executed], before))

    async def artifact(self, kind: str, path: Path) -> None:
        self.files.append((kind, path.name))

    async def browser_event(self, event_type: str, details: Mapping[str, object], micros: int) -> None:
        self.browser.append((event_type, details, micros))

    async def _answerable(self) -> None:
        self.asked.set()
        await self.there.wait()
        if self.lost:
            raise JobLost
        if self.refusal:
            raise JobServerRefused(self.refusal)


class RefusesOnce(OneWorkflow):
    """Refuses the first state that is to be kept."""

    refused = False

    async def keep(self, checkpoint: bytes, executed: Sequence[NodeExecution], *, before: int) -> None:
        if not self.refused:
            self.refused = True
            raise JobServerRefused("not now")
        await super().keep(checkpoint, executed, before=before)


@dataclass
class Held:
    """A run in the hands of a test."""

    launcher: Launcher
    folder: Path
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    lines: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    server: OneWorkflow = field(default_factory=OneWorkflow)

    async def run(
        self, graph: Graph, variables: dict[str, Any] | None = None, *, seconds: float = 60, **more: Any
    ) -> Ended:
        self.folder.mkdir()
        reins = Reins(
            cancelled=self.cancelled,
            stopping=self.stopping,
            deadline=asyncio.get_running_loop().time() + seconds,
            grace_seconds=5,
        )
        job = Job(graph, variables or {}, self.folder, **more)
        return await run_workflow(self.launcher, job, reins, self.server, log=self._log, progress=self._progress)

    def _log(self, level: str, line: str, micros: int | None = None) -> None:
        self.lines.append(line)

    def _progress(self, fraction: float | None, place: str) -> None:
        self.places.append(place)
        if place.startswith("wait"):
            self.begun.set()


def _runs_below(launcher: Launcher, *names: str) -> list[psutil.Process]:
    """Return the run processes of this launcher; others on the machine have nothing to do with it."""
    assert launcher.zygote_pid is not None
    processes = psutil.Process(launcher.zygote_pid).children(recursive=True)
    return [process for process in processes if process.name() in (names or (RUN_NAME, KEEPER_NAME))]


async def _none_left_below(launcher: Launcher) -> bool:
    """Wait until no run process is there; a keeper that has told the end has a moment to go itself."""
    async with asyncio.timeout(10):
        while _runs_below(launcher):
            await asyncio.sleep(0.01)
    return True


def _chain(*nodes: tuple[str, str, dict[str, Any]]) -> Graph:
    graph = Graph(nodes=[Node(id=name, type=kind, config=json.dumps(config)) for name, kind, config in nodes])
    for (source, *_), (target, *_) in pairwise(nodes):
        graph.connections.append(
            Connection(source_node=source, source_port="exec_out", target_node=target, target_port="exec_in")
        )
    return graph


async def test_a_run_gives_back_variables_outputs_and_what_was_executed(launcher: Launcher, tmp_path: Path) -> None:
    held = Held(launcher, tmp_path / "job")
    graph = _chain(
        ("sum", "MathOperationNode", {"a": "{{a}}", "b": 2, "output_var": "sum"}),
        ("log", "LogNode", {"message": "it is {{sum}}"}),
    )

    ended = await held.run(graph, {"a": 40})

    assert (ended.conclusion.state, ended.conclusion.exit_code) == ("succeeded", 0)
    assert json.loads(ended.result.variables) == {"a": 40, "sum": 42}
    assert json.loads(ended.result.outputs) == {"sum": {"result": 42}}
    assert [one.node_id for one in ended.result.node_executions] == ["sum", "log"]
    assert "it is 42" in held.lines
    assert list(held.folder.iterdir()) == []


async def test_a_failed_run_keeps_its_executions(launcher: Launcher, tmp_path: Path) -> None:
    held = Held(launcher, tmp_path / "job")

    ended = await held.run(_chain(("one", "LogNode", {}), ("two", "ThrowErrorNode", {"message": "no"})))

    assert (ended.conclusion.state, ended.conclusion.error_type) == ("failed", "Error")
    assert ended.conclusion.retryable
    assert "Node 'two': no" in ended.conclusion.error_message
    assert [one.status for one in ended.result.node_executions] == [
        NodeExecution.STATUS_COMPLETED,
        NodeExecution.STATUS_FAILED,
    ]


async def test_a_graph_that_cannot_be_executed_is_not_tried_again(launcher: Launcher, tmp_path: Path) -> None:
    ended = await Held(launcher, tmp_path / "job").run(_chain(("one", "NoSuchNode", {})))

    assert (ended.conclusion.state, ended.conclusion.error_type) == ("failed", "GraphInvalid")
    assert not ended.conclusion.retryable


async def test_a_cancel_leaves_no_process_and_says_what_was_done(
    launcher: Launcher, tmp_path: Path, wait_forever: Graph
) -> None:
    held = Held(launcher, tmp_path / "job")
    running = asyncio.create_task(held.run(wait_forever))
    await held.begun.wait()

    held.cancelled.set()
    ended = await running

    assert ended.conclusion.state == "cancelled"
    assert ended.conclusion.receipt.process_count_left == 0
    assert [one.node_id for one in ended.result.node_executions] == ["first"]
    assert await _none_left_below(launcher)


async def test_a_run_that_takes_too_long_ends_and_keeps_its_executions(
    launcher: Launcher, tmp_path: Path, wait_forever: Graph
) -> None:
    ended = await Held(launcher, tmp_path / "job").run(wait_forever, seconds=0.5)

    assert (ended.conclusion.state, ended.conclusion.error_type) == ("failed", "Timeout")
    assert [one.node_id for one in ended.result.node_executions] == ["first"]


async def test_a_node_that_never_yields_is_killed(launcher: Launcher, tmp_path: Path) -> None:
    held = Held(launcher, tmp_path / "job")
    # Takes for ever: (a+)+ tries every way of cutting the text into pieces.
    pattern = {"text": "a" * 60 + "!", "pattern": "^(a+)+$"}

    ended = await held.run(_chain(("log", "LogNode", {}), ("match", "RegexMatchNode", pattern)), seconds=0.5)

    assert (ended.conclusion.state, ended.conclusion.error_type) == ("failed", "Timeout")
    assert ended.conclusion.receipt.process_count_left == 0


async def test_a_run_whose_holder_stops_is_given_back(launcher: Launcher, tmp_path: Path, wait_forever: Graph) -> None:
    held = Held(launcher, tmp_path / "job")
    running = asyncio.create_task(held.run(wait_forever))
    await held.begun.wait()

    held.stopping.set()

    assert (await running).conclusion.state == "released"


async def test_a_run_process_that_is_killed_is_lost_and_tried_again(
    launcher: Launcher, tmp_path: Path, wait_forever: Graph
) -> None:
    held = Held(launcher, tmp_path / "job")
    running = asyncio.create_task(held.run(wait_forever))
    await held.begun.wait()

    for process in _runs_below(launcher, RUN_NAME):
        process.kill()
    ended = await running

    assert (ended.conclusion.state, ended.conclusion.error_type) == ("failed", "ProcessLost")
    assert ended.conclusion.retryable
    assert [one.node_id for one in ended.result.node_executions] == ["first"]


async def test_a_run_is_given_its_secrets_and_where_an_earlier_attempt_was(asking: Launcher, tmp_path: Path) -> None:
    held = Held(asking, tmp_path / "job")

    ended = await held.run(Graph(), secrets={"mail": "its value"}, checkpoint=b"where it was")

    given = json.loads(ended.result.variables)
    assert (given["secrets"], given["went_on_from"]) == ({"mail": "its value"}, "where it was")


@pytest.fixture(scope="module")
def resuming() -> Graph:
    """Waits three times; where it is is kept behind each time."""
    graph = _chain(*((node_id, "WaitNode", {"duration": 0}) for node_id in ("a", "b", "c")))
    graph.settings.resume = True
    return graph


async def test_what_was_executed_is_kept_with_each_state_and_only_once(
    launcher: Launcher, tmp_path: Path, resuming: Graph
) -> None:
    held = Held(launcher, tmp_path / "job")

    await held.run(resuming)

    assert [(executed, before) for _, executed, before in held.server.kept] == [(["a"], 0), (["b"], 1), (["c"], 2)]


async def test_a_run_that_goes_on_lists_what_was_executed_before_it(
    launcher: Launcher, tmp_path: Path, resuming: Graph
) -> None:
    first = Held(launcher, tmp_path / "first")
    whole = await first.run(resuming)
    state, before = first.server.kept[0][0], whole.result.node_executions[:1]
    next_one = Held(launcher, tmp_path / "next")

    ended = await next_one.run(resuming, checkpoint=state, executed=before)

    assert [one.node_id for one in ended.result.node_executions] == ["a", "b", "c"]
    assert [(executed, before) for _, executed, before in next_one.server.kept] == [(["b"], 1), (["c"], 2)]


async def test_a_run_that_begins_anew_lists_nothing_of_another(
    launcher: Launcher, tmp_path: Path, resuming: Graph
) -> None:
    held = Held(launcher, tmp_path / "job")

    ended = await held.run(resuming, checkpoint=b"of another engine", executed=[NodeExecution(node_id="old")])

    assert [one.node_id for one in ended.result.node_executions] == ["a", "b", "c"]
    assert held.server.kept[0][1:] == (["a"], 0)


async def test_what_could_not_be_kept_is_kept_with_the_next_state(
    launcher: Launcher, tmp_path: Path, resuming: Graph
) -> None:
    held = Held(launcher, tmp_path / "job", server=RefusesOnce())

    await held.run(resuming)

    assert [(executed, before) for _, executed, before in held.server.kept] == [(["a", "b"], 0), (["c"], 2)]


async def test_a_run_is_answered_what_it_asks_and_its_files_are_stored(asking: Launcher, tmp_path: Path) -> None:
    held = Held(asking, tmp_path / "job")

    ended = await held.run(Graph())

    given = json.loads(ended.result.variables)
    assert given["allow_url"] == ["192.0.2.1"]
    assert given["workflow"] == ["id of other", "inner", {"inner": "secret"}]
    assert held.server.kept == [(b"where the run is", [], 0)]
    assert held.server.files == [("result", "report.csv")]
    assert [(kind, details) for kind, details, _ in held.server.browser] == [("navigate", {"url": "about:blank"})]


async def test_a_refusal_reaches_the_run_in_its_own_words(asking: Launcher, tmp_path: Path) -> None:
    held = Held(asking, tmp_path / "job", server=OneWorkflow(refusal="there is no such workflow"))

    ended = await held.run(Graph())

    given = json.loads(ended.result.variables)
    assert [given[question] for question in QUESTIONS] == ["refused: there is no such workflow"] * len(QUESTIONS)
    assert "what 'weather' asks" in given["weather"]


async def test_a_lost_job_ends_its_run_at_once_and_leaves_no_process(asking: Launcher, tmp_path: Path) -> None:
    held = Held(asking, tmp_path / "job", server=OneWorkflow(lost=True))

    with pytest.raises(JobLost):
        await held.run(Graph())

    assert await _none_left_below(asking)


async def test_a_run_that_is_cancelled_does_not_wait_for_an_answer(asking: Launcher, tmp_path: Path) -> None:
    held = Held(asking, tmp_path / "job")
    held.server.there.clear()
    running = asyncio.create_task(held.run(Graph()))
    await held.server.asked.wait()

    held.cancelled.set()
    async with asyncio.timeout(30):
        ended = await running

    assert ended.conclusion.state == "cancelled"
