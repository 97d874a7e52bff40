"""Generated workflows do what a slow and simple interpreter of their plan does."""

from hypothesis import given, note, settings

from tests.unit.workflow.drawing import Workflow, run
from tests.unit.workflow.drawing_plans import PLANS, Drawing, Plan


class Failed(Exception):
    pass


class Left(Exception):
    """A break or a continue on its way to the loop around it."""


class Reference:
    """Does what a plan says, the plainest way there is."""

    def __init__(self) -> None:
        self.x = 0
        self.said: list[str] = []

    def follow(self, plan: Plan, *, in_loop: bool = False) -> None:
        for kind, *rest in plan:
            if kind == "fail":
                raise Failed
            if kind in ("break", "continue"):
                if in_loop:
                    raise Left(kind)
            else:
                getattr(self, f"_{kind}")(in_loop, *rest)

    def _add(self, _in_loop: bool, amount: int) -> None:
        self.x += amount

    def _note(self, _in_loop: bool) -> None:
        self.said.append(str(self.x))

    def _if(self, in_loop: bool, limit: int, yes: Plan, no: Plan) -> None:
        self.follow(yes if self.x > limit else no, in_loop=in_loop)

    def _fork(self, _in_loop: bool, first: Plan, second: Plan) -> None:
        self.follow(first)
        self.follow(second)

    def _for(self, _in_loop: bool, turns: int, body: Plan) -> None:
        for _ in range(turns):
            try:
                self.follow(body, in_loop=True)
            except Left as left:
                if left.args == ("break",):
                    return

    def _try(self, in_loop: bool, body: Plan, catch: Plan, final: Plan | None) -> None:
        try:
            try:
                self.follow(body, in_loop=in_loop)
            except Failed:
                self.follow(catch, in_loop=in_loop)
        finally:
            if final is not None:
                self.follow(final, in_loop=in_loop)

    def _while(self, _in_loop: bool, limit: int, body: Plan) -> None:
        while self.x < limit:
            try:
                self.follow([("add", 1), *body], in_loop=True)
            except Left as left:
                if left.args == ("break",):
                    return

    def _retry(self, in_loop: bool, attempts: int, body: Plan) -> None:
        for attempt in range(1, attempts + 1):
            try:
                self.follow(body, in_loop=in_loop)
            except Failed:
                if attempt == attempts:
                    raise
            else:
                return

    def _ways(self, in_loop: bool, *ways: Plan) -> None:
        """A way that goes on with the next turn lets the other one be gone; where one comes through, it goes on."""
        arrived, left = False, None
        for way in ways:
            try:
                self.follow(way, in_loop=in_loop)
                arrived = True
            except Left as leaving:
                if leaving.args == ("break",):
                    raise
                left = leaving
        if left is not None and not arrived:
            raise left


@settings(max_examples=200, deadline=None)
@given(PLANS)
def test_a_run_does_what_the_reference_does(plan: Plan) -> None:
    reference = Reference()
    try:
        reference.follow(plan)
        failed = False
    except Failed:
        failed = True

    drawing = Drawing(plan)
    ended = run(Workflow(drawing.nodes, ";".join(drawing.edges), variables={"x": 0}))

    note(f"{plan}")
    assert (ended.error_type == "Error") is failed, ended.error
    assert (ended.error == "") is not failed
    assert ended.variables["x"] == reference.x
    assert ended.said == reference.said
