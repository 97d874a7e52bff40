"""Plans that Hypothesis makes up, and the workflows that are drawn after them."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from hypothesis import strategies as st

from tests.unit.workflow.drawing import Drawn

# A plan is a list of steps; a step is a tuple of its kind and what belongs to it, plans within.
Plan = list[Any]


def steps(inner: st.SearchStrategy[Plan]) -> st.SearchStrategy[Plan]:
    choice = st.tuples(st.just("if"), st.integers(0, 6), inner, inner)
    loop = st.tuples(st.just("for"), st.integers(0, 3), inner)
    while_ = st.tuples(st.just("while"), st.integers(0, 5), inner)
    guard = st.tuples(st.just("try"), inner, inner, st.none() | inner)
    retry = st.tuples(st.just("retry"), st.integers(1, 3), inner)
    ways = st.tuples(st.just("ways"), inner, inner)
    fork = st.tuples(st.just("fork"), _ADDS, _ADDS)
    return st.lists(_LEAF | choice | loop | while_ | guard | retry | ways | fork, max_size=4)


_LEAF: st.SearchStrategy[Any] = st.tuples(st.just("add"), st.integers(1, 3)) | st.sampled_from(
    [("fail",), ("break",), ("continue",), ("note",)]
)
# Branches go on at the same time; so what they do must come to the same in any order.
_ADDS: st.SearchStrategy[Plan] = st.lists(st.tuples(st.just("add"), st.integers(1, 3)), max_size=3)
PLANS: st.SearchStrategy[Plan] = st.recursive(st.lists(_LEAF, max_size=4), steps, max_leaves=12)


class Drawing:
    """Draws a plan as nodes and edges."""

    def __init__(self, plan: Plan, *, waiting: bool = False) -> None:
        """`waiting`: before each note it waits, for no time."""
        self._waiting = waiting
        self.nodes: list[Drawn] = [("start", "Start", {})]
        self.edges: list[str] = []
        self._numbers: Iterator[int] = count()
        self.draw(plan, "start", in_loop=False)

    def draw(self, plan: Plan, after: str, *, in_loop: bool) -> str:
        """Draw `plan` behind `after`, a node or a port of one; return what the next step is drawn behind."""
        for kind, *rest in plan:
            if kind in ("break", "continue") and not in_loop:
                continue
            after = getattr(self, f"_draw_{kind}")(after, in_loop, *rest)
        return after

    def _add(self, after: str, kind: str, config: dict[str, Any]) -> str:
        name = f"{kind.lower()}{next(self._numbers)}"
        self.nodes.append((name, kind, config))
        self.edges.append(f"{after} > {name}")
        return name

    def _draw_add(self, after: str, in_loop: bool, amount: int) -> str:
        return self._add(after, "IncrementVariable", {"variable_name": "x", "increment": amount})

    def _draw_note(self, after: str, in_loop: bool) -> str:
        if self._waiting:
            after = self._add(after, "Wait", {"duration": 0})
        return self._add(after, "Log", {"message": "{{x}}"})

    def _draw_fail(self, after: str, in_loop: bool) -> str:
        return self._add(after, "ThrowError", {})

    def _draw_break(self, after: str, in_loop: bool) -> str:
        return self._add(after, "Break", {})

    def _draw_continue(self, after: str, in_loop: bool) -> str:
        return self._add(after, "Continue", {})

    def _draw_if(self, after: str, in_loop: bool, limit: int, yes: Plan, no: Plan) -> str:
        name = self._add(after, "If", {"condition": f"{{{{x}}}} > {limit}"})
        merge = self._add(self.draw(yes, f"{name}.true", in_loop=in_loop), "Merge", {})
        self.edges.append(f"{self.draw(no, f'{name}.false', in_loop=in_loop)} > {merge}")
        return merge

    def _draw_for(self, after: str, in_loop: bool, turns: int, body: Plan) -> str:
        name = self._add(after, "ForLoopStart", {"mode": "range", "end": turns})
        self._add(self.draw(body, f"{name}.body", in_loop=True), "ForLoopEnd", {"paired_start_id": name})
        return f"{name}.completed"

    def _draw_try(self, after: str, in_loop: bool, body: Plan, catch: Plan, final: Plan | None) -> str:
        name = self._add(after, "Try", {})
        self.nodes.append((f"{name}-catch", "Catch", {"paired_try_id": name}))
        # A try whose body leads nowhere guards what follows it instead.
        self.draw(body, self._add(f"{name}.try_body", "Merge", {}), in_loop=in_loop)
        self.draw(catch, f"{name}-catch.catch_body", in_loop=in_loop)
        if final is not None:
            self.nodes.append((f"{name}-finally", "Finally", {"paired_try_id": name}))
            self.draw(final, f"{name}-finally.finally_body", in_loop=in_loop)
        return f"{name}.exec_out"

    def _draw_while(self, after: str, in_loop: bool, limit: int, body: Plan) -> str:
        name = self._add(after, "WhileLoopStart", {"condition": f"x < {limit}"})
        self.draw([("add", 1), *body], f"{name}.body", in_loop=True)
        return f"{name}.completed"

    def _draw_retry(self, after: str, in_loop: bool, attempts: int, body: Plan) -> str:
        name = self._add(after, "Retry", {"max_attempts": attempts, "delay": 0})
        # A retry whose body leads nowhere guards what follows it instead.
        self.draw(body, self._add(f"{name}.retry_body", "Merge", {}), in_loop=in_loop)
        return f"{name}.success"

    def _draw_ways(self, after: str, in_loop: bool, first: Plan, second: Plan) -> str:
        name = self._add(after, "Merge", {})
        merge = self._add(self.draw(first, name, in_loop=in_loop), "Merge", {})
        self.edges.append(f"{self.draw(second, name, in_loop=in_loop)} > {merge}")
        return merge

    def _draw_fork(self, after: str, in_loop: bool, first: Plan, second: Plan) -> str:
        name = self._add(after, "Fork", {})
        join = self._add(self.draw(first, f"{name}.branch_1", in_loop=False), "Join", {"paired_fork_id": name})
        self.edges.append(f"{self.draw(second, f'{name}.branch_2', in_loop=False)} > {join}")
        return join
