"""Phases become a graph; every mistake is told with its place."""

import sys
from pathlib import Path
from typing import Any

import pytest

from workers.flow.bot_catalog import BotCatalog, load_catalog
from workers.flow.compile import compile_bot, compile_phases
from workers.flow.errors import ConfigInvalid
from workers.flow.graph import Graph

CONFIG = {"bot_code": "noop", "headless": True, "timezone": "UTC"}


def compiled(*steps: Any) -> Graph:
    return compile_phases([{"name": "main", "steps": list(steps)}])


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    return {(source, port, target) for source, ports in graph.edges.items() for port, target in ports.items()}


def test_steps_and_phases_follow_one_another() -> None:
    graph = compile_phases(
        [{"name": "first", "steps": [{"log": "a"}, {"log": "b"}]}, {"name": "second", "steps": ["screenshot"]}]
    )

    assert graph.start == "p1.1"
    assert graph.outline == ("p1.1", "p1.2", "p2.1")
    assert edges(graph) == {("p1.1", "exec_out", "p1.2"), ("p1.2", "exec_out", "p2.1")}
    assert graph.nodes["p1.1"].config == {"message": "a"}
    assert graph.nodes["p1.2"].place == "phase 'first', step 2 (log)"


def test_the_end_of_a_loop_leads_back_to_it() -> None:
    graph = compiled({"for_each": {"times": 2, "steps": [{"log": "a"}, {"log": "b"}]}}, {"log": "after"})

    assert edges(graph) == {
        ("p1.1", "body", "p1.1.1"),
        ("p1.1.1", "exec_out", "p1.1.2"),
        ("p1.1.2", "exec_out", "p1.1"),
        ("p1.1", "exec_out", "p1.2"),
    }
    assert graph.nodes["p1.1"].config == {"times": 2}


def test_branches_meet_at_the_next_step() -> None:
    graph = compiled({"if": {"is": True, "steps": [{"log": "yes"}], "else": [{"log": "no"}]}}, {"log": "after"})

    assert edges(graph) == {
        ("p1.1", "true", "p1.1.1"),
        ("p1.1", "false", "p1.1.else.1"),
        ("p1.1.1", "exec_out", "p1.2"),
        ("p1.1.else.1", "exec_out", "p1.2"),
    }


def test_a_branch_that_is_not_written_leads_on() -> None:
    graph = compiled({"if": {"is": True, "steps": [{"log": "yes"}]}}, {"log": "after"})

    assert ("p1.1", "false", "p1.2") in edges(graph)


def test_blocks_of_a_try_lead_back_to_it() -> None:
    graph = compiled({"try": {"steps": [{"log": "a"}], "catch": [{"log": "b"}], "finally": [{"log": "c"}]}})

    assert edges(graph) == {
        ("p1.1", "body", "p1.1.1"),
        ("p1.1.1", "exec_out", "p1.1"),
        ("p1.1", "catch", "p1.1.catch.1"),
        ("p1.1.catch.1", "exec_out", "p1.1"),
        ("p1.1", "finally", "p1.1.finally.1"),
        ("p1.1.finally.1", "exec_out", "p1.1"),
    }


def test_no_phases_are_a_graph_without_a_start() -> None:
    assert compile_phases([]).start is None


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"clik": "#a"}, "step 1: there is no node 'clik'; did you mean 'click'?"),
        ({"teleport": 1}, "step 1: there is no node 'teleport'; there are click, expect"),
        ({"click": "#a", "log": "b"}, "step 1: a step must be a map of one node name to its arguments"),
        ({}, "a step must be a map of one node name"),
        (["click"], "a step must be a map of one node name"),
        (None, "a step must be a map of one node name"),
        ({"click": None}, "step 1: click: argument 'selector' is missing"),
        ({"click": {"selector": "#a", "timout": 3}}, "click: has no argument 'timout'; did you mean 'timeout'?"),
        ({"click": {"selector": "#a", "timeout": "soon"}}, "click: argument 'timeout' must be a number"),
        ({"click": {"selector": "#a", "timeout": 0}}, "click: argument 'timeout' must be at least 0.1"),
        ({"fill": "#a"}, "fill: takes a map of arguments (selector, text, timeout), not a plain value"),
        ({"log": "{{params.x"}, "log: '{{' without '}}' in '{{params.x'"),
        ({"log": "{{1+1}}"}, "log: {{'1+1'}} must be a name"),
        ({"set": {"x": {"y": ["{{a b}}"]}}}, "set: {{'a b'}} must be a name and nothing else"),
        ({"set": "x"}, "set: takes a map of arguments (values), not a plain value"),
        ({"select": {"selector": "#a"}}, "select: takes exactly one of value, label"),
        ({"select": {"selector": "#a", "value": "x", "label": "y"}}, "select: takes exactly one of value, label"),
        ({"expect": {"count": 1, "text": "x"}}, "expect: takes only one of visible, text"),
        ({"for_each": {"times": 1}}, "for_each: argument 'steps' is missing"),
        ({"for_each": {"steps": [{"log": "a"}]}}, "for_each: takes exactly one of rows, files, items, times"),
        ({"for_each": {"rows": "poems", "steps": [{"log": "a"}]}}, "argument 'rows' must be one of captions"),
        ({"for_each": {"times": 1, "steps": []}}, "step 1: 'steps' must be a list of at least one step"),
        ({"for_each": {"times": 1, "steps": [{"log": "a"}, {"lg": "b"}]}}, "step 1.2: there is no node 'lg'"),
        ({"if": {"is": True, "steps": [{"log": "a"}], "else": [{"lg": "b"}]}}, "step 1.else.1: there is no node 'lg'"),
        ({"if": {"steps": [{"log": "a"}]}}, "if: a condition must be a map of one of equals"),
        ({"if": {"eqals": [1, 1], "steps": [{"log": "a"}]}}, "if: 'eqals' is not a condition"),
        ({"if": {"equals": ["{{row.x}}"], "steps": [{"log": "a"}]}}, "if: 'equals' must have a list of two values"),
        ({"try": {"steps": [{"log": "a"}]}}, "try: takes at least one of catch, finally"),
        ({"try": {"steps": [{"log": "a"}], "catch": [], "x": 1}}, "try: has no argument 'x'"),
        ({"goto": "x" * 8193}, "goto: argument 'url' must be at most 8,192 characters"),
        ({"__class__": 1}, "there is no node '__class__'"),
    ],
)
def test_a_mistake_in_a_step_is_told_with_its_place(step: object, reason: str) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        compiled(step)

    assert str(refusal.value).startswith("phase 'main', step 1")
    assert reason in str(refusal.value)


@pytest.mark.parametrize(
    ("phases", "reason"),
    [
        ({}, "'phases' must be a list"),
        (["click"], "phase 1 must be a map with 'name' and 'steps'"),
        ([{"name": 3, "steps": ["screenshot"]}], "phase 1: 'name' must be a text"),
        ([{"name": "a"}], "phase 'a': 'steps' must be a list of at least one step"),
        ([{"steps": []}], "phase 'phase 1': 'steps' must be a list of at least one step"),
        ([{"name": "a", "setps": []}], "phase 'a': there is no key 'setps', only 'name' and 'steps'"),
    ],
)
def test_a_mistake_in_a_phase_is_told(phases: object, reason: str) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        compile_phases(phases)

    assert str(refusal.value) == reason


@pytest.mark.parametrize("code", load_catalog().codes)
def test_every_shipped_bot_compiles(code: str) -> None:
    graph = compile_bot({**CONFIG, "phases": []}, code, load_catalog())

    assert graph.start == "p1.1"


def test_shipped_bots_are_there() -> None:
    assert {"f2f_post", "noop"} <= set(load_catalog().codes)


def test_params_of_the_configuration_are_laid_over_those_of_the_bot() -> None:
    graph = compile_bot({**CONFIG, "params": {"lines": 9, "own": 1}}, "noop", load_catalog())

    assert graph.params == {"lines": 9, "pause": 0, "seconds": 0, "own": 1}


def test_phases_of_the_configuration_need_no_known_bot() -> None:
    config = {**CONFIG, "phases": [{"name": "a", "steps": ["screenshot"]}]}

    assert len(compile_bot(config, "mine", BotCatalog({})).nodes) == 1


def test_an_unknown_bot_without_phases_is_refused() -> None:
    with pytest.raises(
        ConfigInvalid, match=r"there is no bot 'nop' and config\.yaml gives no phases; did you mean 'noop'"
    ):
        compile_bot(CONFIG, "nop", load_catalog())


def test_a_folder_adds_and_replaces_bots(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("phases: [{name: a, steps: [{log: mine}]}]\nparams: {x: 1}\n")
    (tmp_path / "noop.yaml").write_text("phases: [{name: a, steps: [{log: other}]}]\n")
    catalog = load_catalog(tmp_path)

    assert compile_bot(CONFIG, "mine", catalog).params == {"x": 1}
    assert compile_bot(CONFIG, "noop", catalog).nodes["p1.1"].config == {"message": "other"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("phases: []", "bot 'mine' must have a list of phases"),
        ("[]", "bot 'mine' must have a list of phases"),
        ("phases: [", "mine.yaml: not YAML"),
        ("phases: [{name: a}]\nparams: 3", "'params' of bot 'mine' must be a map"),
    ],
)
def test_a_broken_bot_file_is_an_error_for_who_asks_for_it(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    catalog = load_catalog(tmp_path)

    assert catalog.get("noop").code == "noop"
    with pytest.raises(ConfigInvalid, match=reason):
        catalog.get("mine")


@pytest.mark.parametrize(
    "body",
    [
        "return [{'name': 'a', 'steps': ['screenshot']}]",
        "return {'phases': [{'name': 'a', 'steps': ['screenshot']}], 'params': {}}",
        "import pathlib; return pathlib.Path(__file__).parent / 'theirs.yaml'",
    ],
)
def test_an_installed_package_adds_bots_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    information = tmp_path / "theirs-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[switchyard.bots]\ntheirs = their_bots:make\n")
    (tmp_path / "their_bots.py").write_text(f"def make():\n    {body}\n")
    (tmp_path / "theirs.yaml").write_text("phases: [{name: a, steps: [screenshot]}]")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_bots", raising=False)

    graph = compile_bot(CONFIG, "theirs", load_catalog())

    assert graph.nodes["p1.1"].type == "screenshot"
