"""Executes a graph, one node after the other, until a port leads nowhere, a step fails, or the run is stopped."""

import asyncio
import re
import time
from collections import ChainMap
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from workers.flow import outcome, template, values
from workers.flow.arguments import bind
from workers.flow.bot_browser import bot_browser
from workers.flow.compile import examine_arguments
from workers.flow.errors import CATCHABLE, BrowserCrashed, Cancelled, ConfigInvalid, FlowError, StepFailed, Timeout
from workers.flow.frames import Attempt, Loop
from workers.flow.graph import Graph, Node
from workers.flow.host import Host
from workers.flow.job import Job
from workers.flow.job_folder import JobFolder
from workers.flow.nodes import NODE_TYPES
from workers.flow.outcome import Outcome, StepRecord
from workers.flow.registry import Continue, Guard, NodeType, Registry, Repeat, Result

# Progress is told at most this often.
PROGRESS_SECONDS: Final = 0.25
# Steps that wait for nothing would never let a stop through; so each of them pauses after this many.
_STEPS_PER_PAUSE: Final = 100
_VARIABLE_LIMIT: Final = 1000
_VARIABLE_NAME: Final = re.compile(r"[^\W\d][\w-]{0,99}")
# Names that mean something else already.
_RESERVED: Final = frozenset({"params", "loop", "error"})


def utc_now() -> datetime:
    """Return the time, aware, UTC."""
    return datetime.now(UTC)


async def run_graph(
    graph: Graph, host: Host, *, types: Registry = NODE_TYPES, now: Callable[[], datetime] = utc_now
) -> Outcome:
    """Execute `graph` and tell how it ended; what goes wrong in the run is in the outcome, not raised.

    Leaves result.json as an artifact, and no browser.
    """
    started = now()
    folder = JobFolder(host.folder)
    params = {**graph.params, **host.params}
    job = Job(host, folder, graph.settings, bot_browser(host, folder, graph.settings), params)
    execution = _Execution(graph, job, types)
    error: FlowError | None = Cancelled("the run was stopped")
    try:
        error = await _until_end_or_stop(execution, host)
    finally:
        await job.browser.close(failed=isinstance(error, CATCHABLE))
    if error is not None:
        host.log("warning" if isinstance(error, Cancelled) else "error", f"{error.error_type}: {error}")
    ended = outcome.outcome_of(error, steps_finished=execution.steps_finished, outputs=execution.variables)
    path = folder.new_artifact(outcome.FILE_NAME)
    path.write_bytes(outcome.result_json(ended, execution.records, started=started, ended=now()))
    host.artifact("result", path)
    return ended


async def _until_end_or_stop(execution: "_Execution", host: Host) -> FlowError | None:
    if host.cancelled.is_set():
        return Cancelled("the run was stopped before it began")
    work = asyncio.create_task(execution.run())
    stop = asyncio.create_task(host.cancelled.wait())
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        work.cancel()
        stop.cancel()
        await asyncio.wait({work, stop})
    if work.cancelled():
        return Cancelled("the run was stopped")
    error = work.exception()
    if isinstance(error, BrowserCrashed) and host.cancelled.is_set():
        return Cancelled("the run was stopped")  # the browser was ended together with us
    if error is not None and not isinstance(error, FlowError):
        raise error  # a fault of ours, not of the run
    return error


class _Execution:
    """One walk through a graph: where it is, what it knows, what it has done."""

    def __init__(self, graph: Graph, job: Job, types: Registry) -> None:
        self.variables: dict[str, object] = {}
        self.records: list[StepRecord] = []
        self.steps_finished = 0
        self._graph = graph
        self._job = job
        self._types = types
        self._frames: list[Loop | Attempt] = []
        self._begun = time.monotonic()
        self._told = 0.0
        self._places = {node_id: number for number, node_id in enumerate(graph.outline)}
        self._place = 0
        self._steps = 0
        # Arguments of nodes that refer to nothing are the same each time.
        self._fixed: dict[str, Any] = {}

    async def run(self) -> None:
        """Walk until the end.

        Raises:
            FlowError: why it ended early.
        """
        node_id = self._graph.start
        while node_id is not None:
            try:
                port = await self._visit(self._graph.nodes[node_id])
            except CATCHABLE as error:
                node_id, port = self._unwind(error)
            target = self._graph.target(node_id, port)
            if target is None and self._frames:
                raise StepFailed(f"port {port!r} leads nowhere inside of a block", node_id=node_id)
            node_id = target
        await self._job.browser.finish_downloads()
        self._job.host.progress(1.0, "done")

    async def _visit(self, node: Node) -> str:
        """Execute a node, or go on with the block that leads back to it; return the port to leave by."""
        if not (self._frames and self._frames[-1].node_id == node.id):
            result = await self._execute(node)
            if isinstance(result, Continue):
                self._keep(result.variables, node)
                return result.port
            self._open(node, result)
        frame = self._frames[-1]
        if isinstance(frame, Loop) and frame.pause_seconds and 0 < frame.turn < len(frame.items):
            await asyncio.sleep(frame.pause_seconds)
        try:
            return frame.next_port()
        finally:
            if frame.finished:
                self._frames.pop()

    def _open(self, node: Node, result: Repeat | Guard) -> None:
        if isinstance(result, Repeat):
            self._frames.append(Loop(node.id, result.items, result.name, result.pause_seconds))
            return
        written = self._graph.edges.get(node.id, {})
        self._frames.append(Attempt(node.id, has_catch="catch" in written, has_finally="finally" in written))

    def _unwind(self, error: FlowError) -> tuple[str, str]:
        """Find the innermost `try` that takes the error; return its node and the port to leave by."""
        while self._frames:
            frame = self._frames[-1]
            port = frame.take(error) if isinstance(frame, Attempt) else None
            if port is not None:
                self._job.host.log("warning", f"{error.error_type}: {error}")
                return frame.node_id, port
            self._frames.pop()
        raise error

    async def _execute(self, node: Node) -> Result:
        self._steps += 1
        began = time.monotonic()
        try:
            if self._steps > self._graph.settings.step_limit:
                raise StepFailed(f"the run has taken more than {self._graph.settings.step_limit:,} steps")
            if self._steps % _STEPS_PER_PAUSE == 0:
                await asyncio.sleep(0)
            result = await self._run_step(node)
        except FlowError as error:
            self._record(node, "error", began)
            self._tell_failure(node, error)
            raise error.at(node.place, node.id) from error
        self._record(node, "success", began)
        self.steps_finished += 1
        return result

    async def _run_step(self, node: Node) -> Result:
        kind = self._types.get(node.type)
        if kind is None:
            raise ConfigInvalid(f"there is no node {node.type!r}{self._types.hint(node.type)}")
        arguments = self._arguments(node, kind)
        self._tell(node, kind, arguments)
        limit = kind.limit_seconds(arguments)
        try:
            async with asyncio.timeout(limit):
                result: Result = await kind.run(arguments, self._job)
        except TimeoutError as error:
            raise Timeout(f"the step did not come back within {limit:g} s") from error
        if kind.event is not None:
            self._job.host.browser_event(*kind.event(arguments))
        return result

    def _arguments(self, node: Node, kind: NodeType[Any]) -> Any:
        arguments = self._fixed.get(node.id)
        if arguments is not None:
            return arguments
        if not examine_arguments(kind, node.config):
            arguments = self._fixed[node.id] = bind(kind.arguments, node.config)
            return arguments
        given = {name: template.render(value, self._scope()) for name, value in node.config.items()}
        try:
            return bind(kind.arguments, given)
        except ConfigInvalid as error:  # the configuration was well formed; what was put in does not fit
            raise StepFailed(error.reason) from error

    def _scope(self) -> Mapping[str, object]:
        inner = [frame.variables for frame in reversed(self._frames)]
        base: dict[str, object] = {"params": self._job.params}
        return ChainMap(*map(dict, inner), self.variables, base)

    def _keep(self, given: Mapping[str, object], node: Node) -> None:
        try:
            for name, value in given.items():
                if name in _RESERVED or not _VARIABLE_NAME.fullmatch(name):
                    raise StepFailed(f"{name!r:.60} cannot be the name of a variable")
                self.variables[name] = values.plain(value)
            if len(self.variables) > _VARIABLE_LIMIT:
                raise StepFailed(f"there are more than {_VARIABLE_LIMIT:,} variables")
        except StepFailed as error:
            raise error.at(node.place, node.id) from error

    def _tell(self, node: Node, kind: NodeType[Any], arguments: Any) -> None:
        if kind.describe is not None:
            said = " ".join(kind.describe(arguments).split())[:300]
            line = f"[{node.phase or node.id}] {node.step} {node.type}".replace("  ", " ")
            self._job.host.log("debug" if kind.blocks else "info", f"{line}: {said}" if said else line)
        self._place = self._places.get(node.id, self._place)
        moment = time.monotonic()
        if moment - self._told >= PROGRESS_SECONDS:
            self._told = moment
            self._job.host.progress(self._fraction(), node.place)

    def _tell_failure(self, node: Node, error: FlowError) -> None:
        if self._job.browser.started:
            details = {"error_type": error.error_type, "message": str(error)[:500], "node": node.id}
            self._job.host.browser_event("error", details)

    def _fraction(self) -> float | None:
        if not self._places:
            return None
        outermost = self._frames[0] if self._frames else None
        inside = outermost.fraction if isinstance(outermost, Loop) else 0.0
        return (self._place + inside) / len(self._places)

    def _record(self, node: Node, status: str, began: float) -> None:
        if len(self.records) < outcome.STEP_LIMIT:
            start, end = began - self._begun, time.monotonic() - self._begun
            self.records.append(
                StepRecord(
                    node.id,
                    node.type,
                    node.phase,
                    node.step,
                    status,
                    round(start * 1000, 1),
                    round((end - start) * 1000, 1),
                )
            )
