"""`switchyard workflow run`: a file, run on this machine without a server."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end.system import ROOT, wait_until

Start = Callable[..., subprocess.Popen[str]]

SECRET = "the secret of this test"


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts the command over a graph; all it makes by itself is below `tmp_path`."""

    def start(nodes: dict[str, Any], edges: str, *words: str, **more: Any) -> subprocess.Popen[str]:
        file = tmp_path / "graph.json"
        file.write_text(json.dumps({"nodes": nodes, "connections": list(map(connection, edges.split("; "))), **more}))
        (tmp_path / "temporary").mkdir(exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-m", "server.cli.main", "workflow", "run", str(file), *words],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": str(tmp_path / "data"), "TMPDIR": str(tmp_path / "temporary")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def connection(edge: str) -> dict[str, str]:
    """What "each.body > add" says."""
    source, target = edge.split(" > ")
    node, _, port = source.partition(".")
    return {"source_node": node, "source_port": port or "exec_out", "target_node": target, "target_port": "exec_in"}


def node(kind: str, **config: Any) -> dict[str, Any]:
    return {"type": kind, "config": config}


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


SUM = {
    "start": node("StartNode"),
    "each": node("ForLoopStartNode", items=[1, 2, 3, 4, 5]),
    "add": node("IncrementVariableNode", variable_name="sum", increment="{{item}}"),
    "log": node("LogNode", message="The sum for {{who}} is {{sum}}"),
}
SUM_EDGES = "start > each; each.body > add; each.completed > log"
LONG = {"start": node("StartNode"), "wait": node("WaitNode", seconds=600)}
LONG_EDGES = "start > wait"


def test_log_and_variables_are_the_answer_and_the_nodes_are_told_beside_it(start: Start, tmp_path: Path) -> None:
    exit_code, out, err = ended(start(SUM, SUM_EDGES, "--var", "who=you"))

    log, *variables = out.splitlines()
    *nodes, last = err.splitlines()
    assert exit_code == 0
    assert log.endswith(" - The sum for you is 15")
    assert [line.split() for line in variables] == [["who", '"you"'], ["sum", "15"]]
    assert [line.split()[:2] for line in nodes[:3]] == [["completed", name] for name in ("start", "each", "add")]
    assert last.startswith("completed in ")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_programs_get_documents_a_line_and_the_end_last(start: Start) -> None:
    exit_code, out, err = ended(start(SUM, SUM_EDGES, "--var", "who=3", "--json"))

    *documents, last = (json.loads(line) for line in out.splitlines())
    executed = [document["execution"]["node_id"] for document in documents if "execution" in document]
    assert (exit_code, err) == (0, "")
    assert executed == ["start", *["each", "add"] * 5, "each", "log"]
    assert [document["log"]["message"] for document in documents if "log" in document] == ["The sum for 3 is 15"]
    assert last["end"]["state"] == "completed"
    assert last["end"]["variables"] == {"who": 3, "sum": 15}
    assert last["end"]["folder"] is None


@pytest.mark.parametrize(
    ("nodes", "more", "sentence"),
    [
        ({"a": node("StartNode"), "b": node("AssertNode", condition="1 > 2")}, {}, "Node 'b': "),
        # Known by no version of ours; nothing runs.
        ({"a": node("StartNode"), "b": node("NobodysNode")}, {}, "Node 'b': there is no type 'NobodysNode'"),
        (LONG, {"settings": {"timeout": 1}}, "Timeout: the run took longer than allowed"),
    ],
)
def test_a_run_that_fails_makes_the_exit_code_1_and_says_why_in_one_line(
    start: Start, nodes: dict[str, Any], more: dict[str, Any], sentence: str
) -> None:
    exit_code, _, err = ended(start(nodes, " > ".join(nodes), **more))

    assert exit_code == 1
    assert err.splitlines()[-1].startswith("switchyard: ")
    assert sentence in err.splitlines()[-1]


def test_a_file_that_cannot_be_understood_is_refused_in_one_line(start: Start) -> None:
    exit_code, out, err = ended(start({"a": {}, "b": {}}, "a > b"))

    assert (exit_code, out) == (2, "")
    assert "Node 'a' must have a type" in err
    assert len(err.splitlines()) == 1


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Every process below the command, once the workflow has come to its long node and says nothing any more."""
    assert process.stderr is not None
    assert process.stderr.readline().startswith("completed  start")
    children = psutil.Process(process.pid).children(recursive=True)
    assert {"sy-zygote", "sy-keeper", "sy-run"} <= {child.name() for child in children}
    return children


def expect_gone(processes: list[psutil.Process]) -> None:
    wait_until(
        lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes),
        timeout=20,
        what=lambda: str(processes),
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_ends_with_130_and_leaves_no_process(start: Start, number: int) -> None:
    process = start(LONG, LONG_EDGES)
    below = family(process)

    process.send_signal(number)

    assert ended(process)[0] == 130
    expect_gone(below)


def test_a_command_that_is_killed_leaves_no_process(start: Start) -> None:
    process = start(LONG, LONG_EDGES)
    below = family(process)

    process.kill()

    expect_gone(below)
    ended(process)


def test_a_run_whose_own_process_is_killed_fails_and_leaves_no_process(start: Start) -> None:
    process = start(LONG, LONG_EDGES)
    below = family(process)

    next(one for one in below if "workers.local_run" in one.cmdline()).kill()

    exit_code, _, err = ended(process)
    assert (exit_code, err.splitlines()[-1]) == (1, "switchyard: the process that ran the workflow was lost")
    expect_gone(below)


def test_a_secret_is_used_and_never_shown(start: Start, tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text(f"door: {SECRET}\n")
    nodes = {
        "say": node("LogNode", message="key {{secrets.door}}"),
        "size": node("SetVariableNode", name="size", value="{{secrets.door}}"),
    }

    exit_code, out, err = ended(start(nodes, "say > size", "--secrets-file", str(tmp_path / "secrets.yaml"), "--json"))

    assert exit_code == 0, err
    assert "key ***" in out
    assert SECRET not in out + err


def test_files_stay_in_the_folder_and_it_is_named(start: Start, tmp_path: Path) -> None:
    nodes = {"write": node("WriteFileNode", file_path="out/hello.txt", content="hello"), "end": node("EndNode")}

    exit_code, _, err = ended(start(nodes, "write > end", "--folder", str(tmp_path / "kept")))

    assert exit_code == 0, err
    assert [path.name for path in (tmp_path / "kept").rglob("*")] == ["out", "hello.txt"]
    assert f"files are in {tmp_path / 'kept'}" in err


def test_a_workflow_within_is_read_from_beside_and_keeps_to_the_addresses_that_may_be_called(
    start: Start, tmp_path: Path
) -> None:
    inner = {"nodes": {"call": node("HTTPRequestNode", url="http://169.254.169.254/latest")}}
    (tmp_path / "inner.json").write_text(json.dumps(inner))
    nodes = {"start": node("StartNode"), "within": node("ExecuteWorkflowNode", workflow="inner")}

    exit_code, _, err = ended(start(nodes, "start > within"))

    assert exit_code == 1
    assert "AddressRefused" in err.splitlines()[-1]
    assert "169.254.169.254, an address that may not be called" in err.splitlines()[-1]


def test_at_a_terminal_the_nodes_are_a_live_picture(tmp_path: Path) -> None:
    file = tmp_path / "graph.json"
    file.write_text(json.dumps({"nodes": SUM, "connections": list(map(connection, SUM_EDGES.split("; ")))}))
    terminal, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    words = [sys.executable, "-m", "server.cli.main", "workflow", "run", str(file), "--var", "who=you"]
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: read(terminal), b"")).decode()
    os.close(terminal)

    picture = shown[shown.rindex("NODE") :]
    assert process.returncode == 0
    assert "The sum for you is 15" in shown
    assert picture.count("completed") == len(SUM) + 1
    assert "ForLoopStartNode" in picture


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""
