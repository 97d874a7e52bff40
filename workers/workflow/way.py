"""One way through a graph: follows control from node to node, until it has come to its end."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeAlias

from workers.workflow.blocks import Again, Block, Cause, GoTo, Jump, LeaveFrom, Move, Reach, WayEnds
from workers.workflow.branches import Branch, Branches
from workers.workflow.errors import GraphInvalid, LimitExceeded, NodeFailed, WorkflowError
from workers.workflow.execution import Execution, WayState
from workers.workflow.graph_index import IndexedNode
from workers.workflow.registry import EXEC_OUT, Given, Leave, NodeType
from workers.workflow.scope import Scope
from workers.workflow.step import Step
from workers.workflow.turns import InTurn

# Nodes that wait for nothing would never let a stop through; so each of them pauses after this many.
_STEPS_PER_PAUSE: Final = 200

# Where to go on, None for nowhere; and whether an edge leads there, rather than a block.
Place: TypeAlias = tuple[str | None, bool]
# What is to happen behind a node whose outputs are kept.
Settled: TypeAlias = LeaveFrom | GoTo | Reach | WayEnds | Branches | Jump


class Way:
    """Where control is, and the blocks that are open there."""

    def __init__(
        self, execution: Execution, scope: Scope, outer: "Way | None" = None, until: str | None = None
    ) -> None:
        """`outer` is the way that this one is a branch of, and `until` where it ends, besides at what belongs to blocks
        of the ways around it.
        """
        self._execution = execution
        self._run = execution.run
        self._nodes = execution.index.nodes
        self._scope = scope
        self._outer = outer
        self._blocks: list[Block] = []
        self._step = Step(execution, scope, self._blocks)
        self._depth: int = 0 if outer is None else outer._depth + len(outer._blocks) + 1
        self._until: frozenset[str] = frozenset() if outer is None else outer._edge()
        if until is not None:
            self._until |= {until}
        self._arrived: str | None = None
        self._note_blocks()
        if self._depth > execution.run.limits.depth:
            raise LimitExceeded(f"branches are nested more than {execution.run.limits.depth} deep")

    async def go(self, start: str | None, *, led: bool = True) -> str | None:
        """Go from `start` until the way ends; return the node of `until` that it came to, None when to none.

        Raises:
            WorkflowError: what ended it early.
            Jump: one that is for blocks of the ways around this one.
        """
        place = start
        cause: Cause | None = None
        while True:
            if self._execution.unkept and self._outer is None and cause is None:
                await self._keep(place, led)
            try:
                if cause is not None:
                    place, led = await self._unwind(cause)
                    cause = None
                elif place is None or (led and place in self._ends and self._ends_at(place)):
                    if not self._blocks:
                        return self._arrived
                    place, led = await self._turn()
                elif place in self._owners:
                    raise Jump("again", place)
                else:
                    place, led = await self._execute(self._nodes[place])
            except (WorkflowError, Jump) as raised:
                cause = raised
                if isinstance(raised, WorkflowError):
                    raised.node_id = raised.node_id or self._step.node.path
                if not self._blocks:
                    self._left_by(raised)
                    return None

    def takes(self, error: WorkflowError) -> bool:
        """Tell whether a block around here goes on after `error`."""
        if any(block.takes(error) for block in self._blocks):
            return True
        return self._outer is not None and self._outer.takes(error)

    def reopen(self, blocks: Sequence[Any]) -> None:
        """Open the blocks of a `WayState`. Raises ValueError where that cannot be."""
        for owner, names, state in blocks:
            block = self._reopened(owner, state)
            block.owner, block.names = owner, names
            self._open(block)

    async def _keep(self, place: str | None, led: bool) -> None:
        """Keep where the run is, for a next attempt."""
        self._execution.unkept = False
        states = [block.state() for block in self._blocks]
        if self._execution.keeper is not None and None not in states:
            blocks = [[block.owner, block.names, state] for block, state in zip(self._blocks, states, strict=True)]
            await self._execution.keeper.keep(self._execution, WayState(place, led, blocks))

    def _reopened(self, owner: str, state: Any) -> Block:
        if not owner:
            return InTurn.reopened(state)
        node = self._step.node = self._nodes[owner]
        if node.kind is None or node.kind.reopen is None:
            raise ValueError(f"a {node.type_name} opens no block again")
        return node.kind.reopen(state, self._step)

    def _edge(self) -> frozenset[str]:
        """Return the nodes at which ways within this one end, because they belong to its blocks."""
        return self._until.union(*({block.owner} | block.ends for block in self._blocks))

    def _ends_at(self, place: str) -> bool:
        """Tell whether the innermost way ends at `place`, and note where it has arrived."""
        if self._in_turn is not None and place in self._in_turn.ends:
            self._in_turn.arrived = self._in_turn.arrived or place
        elif place in self._until:
            self._arrived = place
        return True

    def _left_by(self, cause: Cause) -> None:
        """End the way by what no block of it takes."""
        if isinstance(cause, WorkflowError) or self._outer is not None:
            raise cause
        if cause.kind != "finish":
            where = "" if cause.target is None else f" of {cause.target!r}"
            raise GraphInvalid(f"it stands in no open block{where}", node_id=self._step.node.path)

    async def _execute(self, node: IndexedNode) -> Place:
        if self._execution.begin(node) % _STEPS_PER_PAUSE == 0:
            await asyncio.sleep(0)
        if node.disabled or node.kind is None:
            self._run.executions.add(node.path, node.type_name, "skipped", time.perf_counter(), {}, {})
            return self._follow(node, _way_past(node))
        for tries_left in range(self._execution.index.retry_count, -1, -1):
            try:
                settled = await self._try_once(node, node.kind)
            except NodeFailed as failure:
                if tries_left and failure.retryable:
                    self._run.host.log("warning", f"{failure}; it is tried again.")
                    continue
                if self._execution.index.stop_on_error or self.takes(failure):
                    raise
                self._run.host.log("error", f"{failure}; the run goes on.")
                return self._follow(node, _way_past(node))
            # Outside of the try: what fails further on is no failure of this node.
            return await self._go_on(node, settled)
        raise AssertionError("the last try returns or raises")

    async def _try_once(self, node: IndexedNode, kind: NodeType) -> Settled:
        """Run a node, keep and note what came out, and return what is to happen then."""
        began = time.perf_counter()
        given: Given = {}
        try:
            self._step.node = node
            given = self._execution.bind(node, self._scope)
            result: Any = kind.run(given, self._step)
            if node.waits:
                result = await result
            return self._settle(node, given, result, began)
        except WorkflowError as failure:
            self._note_failure(node, given, began, failure)
            raise
        except Exception as fault:  # whatever a node does, it is the node that fails
            failed = NodeFailed(f"{type(fault).__name__}: {fault}", error_type=type(fault).__name__)
            self._note_failure(node, given, began, failed)
            raise failed from fault

    def _settle(self, node: IndexedNode, given: Given, result: Any, began: float) -> Settled:
        if type(result) is dict:
            result = Leave(EXEC_OUT, result)
        elif isinstance(result, Block):
            result = self._opened(node, result)
        if isinstance(result, Leave):
            self._leave(node, given, result, began)
            return LeaveFrom(node.id, result.port)
        if not isinstance(result, Settled):
            raise TypeError(f"a {node.type_name} gave back a {type(result).__name__}")
        self._run.executions.add(node.path, node.type_name, "completed", began, given, {})
        return result

    async def _go_on(self, node: IndexedNode, settled: Settled) -> Place:
        match settled:
            case LeaveFrom(node_id, port):
                return self._follow(self._nodes[node_id], port)
            case GoTo(node_id):
                return node_id, False
            case Reach(node_id):
                return node_id, True
            case Branches():
                return await self._go_branches(node, settled)
            case Jump():
                raise settled
            case WayEnds():
                return None, True

    def _leave(self, node: IndexedNode, given: Given, leave: Leave, began: float) -> None:
        outputs = self._execution.keep(node, leave.outputs, self._scope)
        self._run.executions.add(node.path, node.type_name, "completed", began, given, outputs)

    def _note_failure(self, node: IndexedNode, given: Given, began: float, failure: WorkflowError) -> None:
        failure.node_id = failure.node_id or node.path
        self._run.executions.add(node.path, node.type_name, "failed", began, given, {}, failure)

    def _opened(self, node: IndexedNode, block: Block) -> Move:
        block.owner = node.id
        move = block.next_move()
        if not block.finished:
            self._open(block)
        return move

    def _open(self, block: Block) -> None:
        if self._depth + len(self._blocks) >= self._run.limits.depth:
            raise LimitExceeded(f"blocks are nested more than {self._run.limits.depth} deep")
        self._blocks.append(block)
        self._scope.blocks.append(block.names)
        self._note_blocks()

    def _close(self) -> None:
        self._blocks.pop()
        self._scope.blocks.pop()
        self._note_blocks()

    def _note_blocks(self) -> None:
        """Work out once for many steps where ways end, and which nodes have blocks."""
        ways = [block for block in self._blocks if isinstance(block, InTurn)]
        self._in_turn: InTurn | None = ways[-1] if ways else None
        self._ends = self._until.union(*(block.ends for block in (*ways[-1:], *self._blocks[-1:])))
        self._owners = {block.owner for block in self._blocks}

    async def _turn(self) -> Place:
        """Go on with the innermost block, whose way within has ended."""
        block = self._blocks[-1]
        if not block.owner:
            return await self._move(self._step.node, block.next_move())
        node = self._nodes[block.owner]
        if self._execution.begin(node) % _STEPS_PER_PAUSE == 0:
            await asyncio.sleep(0)
        self._step.node = node
        return await self._move(node, self._next_move(node, block))

    def _next_move(self, node: IndexedNode, block: Block) -> Move:
        began = time.perf_counter()
        try:
            return block.next_move()
        except WorkflowError as failure:
            if not failure.node_id:  # else it is one that had been put off
                self._note_failure(node, {}, began, failure)
            raise

    async def _unwind(self, cause: Cause) -> Place:
        """Let the innermost block take what happened, and return where to go on.

        Raises:
            WorkflowError, Jump: it did not, or could not go on; it is closed.
        """
        block = self._blocks[-1]
        node = self._step.node = self._nodes[block.owner] if block.owner else self._step.node
        try:
            move = block.intercept(cause)
        except WorkflowError as failure:
            self._close()
            self._note_failure(node, {}, time.perf_counter(), failure)
            raise
        if move is not None:
            if isinstance(cause, WorkflowError):
                self._run.host.log("warning", f"{cause}; {node.path} goes on after it.")
            return await self._move(node, move)
        self._close()
        if isinstance(cause, Jump) and cause.kind == "again" and cause.target == block.owner:
            return block.owner, False
        raise cause

    async def _move(self, node: IndexedNode, move: Move) -> Place:
        """Go where the innermost block says; `node` is the one it belongs to."""
        if self._blocks[-1].finished:
            self._close()
        if isinstance(move, Again):
            await asyncio.sleep(move.delay_seconds)
            move = Leave(move.port, move.outputs)
        if isinstance(move, Leave):
            self._leave(node, {}, move, time.perf_counter())
            move = LeaveFrom(node.id, move.port)
        return await self._go_on(node, move)

    def _follow(self, node: IndexedNode, port: str) -> Place:
        """Go where `port` of a node leads."""
        targets = node.edges.get(port)
        if targets is None:
            if node.kind is not None and node.kind.exec_port(port) is None:
                raise GraphInvalid(f"it was left by {port!r}, a port it does not have", node_id=node.path)
            return None, True
        if len(targets) == 1:
            return targets[0], True
        meeting = self._execution.meeting(node, port)
        self._open(InTurn(targets, self._edge() | ({meeting} if meeting is not None else set()), gone=1))
        return targets[0], True

    async def _go_branches(self, node: IndexedNode, branches: Branches) -> Place:
        """Go several ways at the same time, and return where to go on when all have ended."""
        ways = iter(branches.ways)
        ended: list[Scope] = []
        arrived: list[bool] = []

        async def go() -> None:
            for branch in ways:  # shared: each takes the next one
                scope = self._branch(node, branch)
                place = await self._go_branch(node, branch, scope, branches.join or node.id)
                if branches.strict and place is None:
                    raise GraphInvalid(f"its branch {branch.port!r} ends before {branches.join!r}", node_id=node.path)
                arrived.append(place is not None)
                ended.append(scope)

        await _together([go() for _ in range(max(1, branches.concurrency))])
        if branches.join is None:
            self._scope.outputs[node.id] = dict(branches.outputs(len(ended)))
            return self._follow(node, branches.after)
        for scope in ended:
            self._scope.outputs.update(scope.outputs)
        return (branches.join, True) if any(arrived) else (None, True)

    def _branch(self, node: IndexedNode, branch: Branch) -> Scope:
        scope = self._scope.branch()
        scope.outputs[node.id] = dict(branch.outputs)
        scope.blocks.append(dict(branch.names))
        return scope

    async def _go_branch(self, node: IndexedNode, branch: Branch, scope: Scope, until: str) -> str | None:
        arrived: str | None = None
        for target in node.edges.get(branch.port, ()):
            try:
                arrived = await Way(self._execution, scope, self, until).go(target) or arrived
            except Jump as jump:
                if jump.kind == "break" or jump.target not in (None, node.id):
                    raise GraphInvalid("a branch cannot jump to a block outside of it", node_id=node.path) from jump
        return arrived


async def _together(works: list[Coroutine[Any, Any, None]]) -> None:
    """Await all; the first failure ends the others and is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()


def _way_past(node: IndexedNode) -> str:
    """Return the port by which a node is left that did nothing."""
    ports = node.kind.exec_ports if node.kind is not None else (EXEC_OUT,)
    for port in (EXEC_OUT, "completed"):
        if port in ports:
            return port
    return node.first_connected(tuple(node.edges)) or EXEC_OUT


async def go_all(execution: Execution) -> None:
    """Go every way there is in a graph.

    Raises:
        WorkflowError: why the execution ended early.
    """
    while execution.root < len(execution.index.roots):
        await Way(execution, execution.scope).go(execution.index.roots[execution.root])
        execution.root += 1


async def go_on(execution: Execution, way: Way, place: WayState) -> None:
    """Go on with a way whose blocks have been reopened, then every way that is left. Raises WorkflowError."""
    await way.go(place.node, led=place.led)
    execution.root += 1
    await go_all(execution)
