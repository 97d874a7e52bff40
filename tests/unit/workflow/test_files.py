"""File nodes: what they do in the folder of the job, and that they do nothing outside of it."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from server.orchestrator.workflows.dialects.canonical import canonical_graph
from tests.unit.workflow.drawing import DIALECTS, ListHost, Run, Workflow, as_dict, run
from workers.workflow import run_graph
from workers.workflow.limits import Limits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a job; a file lies beside it, and one at the same name within."""
    job = tmp_path / "job"
    job.mkdir()
    (tmp_path / "secret.txt").write_text("not yours")
    return job


def run_in(
    folder: Path,
    workflow: Workflow,
    dialect: Callable[[Workflow], dict[str, Any]] = as_dict,
    limits: Limits | None = None,
) -> Run:
    async def work() -> Run:
        host = ListHost(folder)
        return Run(await run_graph(canonical_graph(dialect(workflow)), {}, host, limits=limits), host)

    return asyncio.run(work())


def run_one(folder: Path, kind: str, config: Mapping[str, Any], limits: Limits | None = None) -> Run:
    return run_in(folder, Workflow([("node", kind, config)]), limits=limits)


def outputs_of(run: Run) -> dict[str, Any]:
    assert run.error == ""
    outputs: dict[str, Any] = run.outputs["node"]
    return outputs


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_a_missing_file_takes_the_other_branch_and_both_merge(folder: Path, dialect: Any) -> None:
    workflow = Workflow(
        nodes=[
            ("start", "Start", {}),
            ("check", "FileExists", {"path": "missing.txt"}),
            ("choice", "If", {}),
            ("found", "Log", {"message": "found"}),
            ("create", "WriteFile", {"file_path": "missing.txt", "content": "made"}),
            ("merge", "Merge", {}),
            ("again", "FileExists", {"path": "missing.txt"}),
            ("log", "Log", {"message": "{{check.exists}} {{again.exists}}"}),
        ],
        edges="""
            start > check > choice; check.exists > choice.condition
            choice.true > found > merge; choice.false > create > merge
            merge > again > log
        """,
    )

    ended = run_in(folder, workflow, dialect)

    assert ended.error == ""
    assert ended.visited == ["start", "check", "choice", "create", "merge", "again", "log"]
    assert ended.said == ["false true"]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_what_was_written_is_read_and_is_21_long(folder: Path, dialect: Any) -> None:
    workflow = Workflow(
        nodes=[
            ("write", "WriteFile", {"file_path": "out/note.txt", "content": "Hello from Switchyard"}),
            ("read", "ReadFile", {}),
            ("length", "MathOperation", {"operation": "length"}),
            ("log", "Log", {"message": "{{length.result}}"}),
        ],
        edges="write > read > length > log; write.file_path > read.file_path; read.content > length.a",
    )

    ended = run_in(folder, workflow, dialect)

    assert ended.error == ""
    assert ended.said == ["21"]


@pytest.mark.parametrize(
    ("edges", "visited"),
    [
        ("check.true > yes; check.false > no", ["check", "no"]),
        ("check.exec_out > yes", ["check", "yes"]),
        ("check.exec_out > no; check.true > yes", ["check", "no"]),  # false leads nowhere, so by exec_out
    ],
)
def test_file_exists_leaves_by_true_or_false_where_they_are_drawn(folder: Path, edges: str, visited: list[str]) -> None:
    nodes: list[Any] = [("check", "FileExists", {"path": "x"}), ("yes", "Log", {}), ("no", "Log", {})]
    workflow = Workflow([node for node in nodes if node[0] in edges.replace(".", " ")], edges=edges)

    assert run_in(folder, workflow).visited == visited


OUTSIDE = [
    "../secret.txt",
    "/etc/passwd",
    "a/../../secret.txt",
    "link.txt",
    "way/secret.txt",
    "C:\\x.txt",
    "..\\secret.txt",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize(
    ("kind", "field", "config"),
    [
        ("ReadFile", "file_path", {}),
        ("WriteFile", "file_path", {"content": "mine now"}),
        ("AppendFile", "file_path", {"content": "mine now"}),
        ("DeleteFile", "file_path", {"ignore_missing": True}),
        ("FileExists", "path", {}),
        ("FileInfo", "file_path", {}),
        ("CopyFile", "source_path", {"destination_path": "copy.txt"}),
        ("CopyFile", "destination_path", {"source_path": "own.txt", "overwrite": True}),
        ("MoveFile", "source_path", {"destination_path": "copy.txt"}),
        ("MoveFile", "destination_path", {"source_path": "own.txt", "overwrite": True}),
        ("CreateDirectory", "directory_path", {}),
        ("ListFiles", "directory_path", {}),
        ("ListDirectory", "directory_path", {}),
        ("ReadCSV", "file_path", {}),
        ("WriteCSV", "file_path", {"data": [[1]]}),
        ("ReadJSON", "file_path", {}),
        ("WriteJSON", "file_path", {"data": 1}),
        ("KeepFile", "file_path", {}),
    ],
)
def test_no_node_leaves_the_folder(folder: Path, kind: str, field: str, config: Mapping[str, Any], name: str) -> None:
    (folder / "own.txt").write_text("own")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "way").symlink_to(folder.parent)

    ended = run_one(folder, kind, {**config, field: name})

    assert "outside of the job folder" in ended.error
    assert str(folder.parent) not in ended.error
    assert (folder.parent / "secret.txt").read_text() == "not yours"
    assert not (folder / "copy.txt").exists()


@pytest.mark.parametrize("name", [".graph", ".checkpoint", "./.graph", "a/../.graph", ".new"])
@pytest.mark.parametrize(("kind", "config"), [("ReadFile", {}), ("WriteFile", {"content": "x"}), ("DeleteFile", {})])
def test_files_of_the_engine_are_not_there(folder: Path, kind: str, config: Mapping[str, Any], name: str) -> None:
    (folder / ".graph").write_text("graph")

    ended = run_one(folder, kind, {**config, "file_path": name})

    assert "belongs to the run itself" in ended.error
    assert (folder / ".graph").read_text() == "graph"
    assert outputs_of(run_one(folder, "ListDirectory", {"recursive": True}))["items"] == []


@pytest.mark.parametrize("kind", ["ReadFile", "WriteFile", "AppendFile", "DeleteFile", "KeepFile"])
def test_special_files_and_folders_are_no_files(folder: Path, kind: str) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "sub").mkdir()

    for name in ("pipe", "sub", "."):
        assert "not a file" in run_one(folder, kind, {"file_path": name, "content": "x"}).error


def test_a_missing_file_fails_in_words(folder: Path) -> None:
    ended = run_one(folder, "ReadFile", {"file_path": "no/such.txt"})

    assert ended.error == "Node 'node': there is no file 'no/such.txt'"
    assert ended.error_type == "FileMissing"


def test_a_file_larger_than_a_value_is_not_read(folder: Path) -> None:
    with (folder / "large.txt").open("wb") as file:
        file.truncate(1 << 40)  # a hole, but no smaller to whom reads it

    ended = run_one(folder, "ReadFile", {"file_path": "large.txt"}, Limits(value_bytes=1000))

    assert ended.error == "Node 'node': the file 'large.txt' is larger than 1,000 bytes"


def test_an_appended_file_stays_below_its_bound(folder: Path) -> None:
    with (folder / "large.txt").open("wb") as file:
        file.truncate(1 << 30)

    assert "grows beyond" in run_one(folder, "AppendFile", {"file_path": "large.txt", "content": "x"}).error


@pytest.mark.parametrize(
    ("content", "config", "text"),
    [
        ("Ä€\r\n".encode(), {}, "Ä€\r\n"),
        ("\ufeffÄ".encode(), {}, "Ä"),  # with a byte order mark
        ("Ä".encode("latin-1"), {"encoding": "latin-1"}, "Ä"),
        ("Ä".encode("utf-16"), {"encoding": "utf-16"}, "Ä"),
        (b"\x00\xff", {"binary": True}, "AP8="),
    ],
)
def test_texts_are_read_in_their_encoding(folder: Path, content: bytes, config: Mapping[str, Any], text: str) -> None:
    (folder / "text").write_bytes(content)

    outputs = outputs_of(run_one(folder, "ReadFile", {"file_path": "text", **config}))

    assert outputs == {"content": text, "size": len(content), "success": True}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "the file 'text' is not text in utf-8"),
        ({"encoding": "klingon"}, "'encoding' is not an encoding of texts: 'klingon'"),
        ({"encoding": "hex"}, "'encoding' is not an encoding of texts: 'hex'"),
    ],
)
def test_a_wrong_encoding_fails_in_words(folder: Path, config: Mapping[str, Any], sentence: str) -> None:
    (folder / "text").write_bytes(b"\xff")

    assert sentence in run_one(folder, "ReadFile", {"file_path": "text", **config}).error


@pytest.mark.parametrize(
    ("config", "written"),
    [
        ({"content": "€"}, "€".encode()),
        ({"content": "ä", "encoding": "latin-1"}, b"\xe4"),
        ({"content": {"a": [1]}}, b'{"a": [1]}'),
        ({"content": "AP8=", "binary": True}, b"\x00\xff"),
        ({"content": "", "append": True}, b"before"),
        ({"content": "+", "append": True, "overwrite": False}, b"before+"),
    ],
)
def test_a_file_is_written_over_or_added_to(folder: Path, config: Mapping[str, Any], written: bytes) -> None:
    (folder / "text").write_bytes(b"before")

    outputs_of(run_one(folder, "WriteFile", {"file_path": "text", **config}))

    assert (folder / "text").read_bytes() == written


@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        ("WriteFile", {"file_path": "a.txt", "content": "x", "overwrite": False}, "is there already"),
        ("WriteFile", {"file_path": "new/a.txt", "content": "x", "create_dirs": False}, "No such file"),
        ("WriteFile", {"file_path": "a.txt/b.txt", "content": "x"}, "cannot be used"),
        ("WriteFile", {"file_path": "b.txt", "content": "no base64", "binary": True}, "is not base64"),
        ("WriteFile", {"file_path": " ", "content": "x"}, "name of a file is missing"),
        ("WriteFile", {"file_path": "x" * 300, "content": "x"}, "is not a usable file name"),
        ("WriteFile", {"file_path": "a\0b", "content": "x"}, "is not a usable file name"),
        ("AppendFile", {"file_path": "b.txt", "content": "x", "create_if_missing": False}, "no file 'b.txt'"),
        ("CopyFile", {"source_path": "a.txt", "destination_path": "c.txt"}, "is there already"),
        ("CopyFile", {"source_path": "a.txt", "destination_path": "./a.txt", "overwrite": True}, "there and here"),
        ("MoveFile", {"source_path": "b.txt", "destination_path": "d.txt"}, "no file 'b.txt'"),
        ("DeleteFile", {"file_path": "b.txt"}, "no file 'b.txt'"),
        ("ListFiles", {"directory_path": "none"}, "no folder 'none'"),
        ("ListFiles", {"pattern": "../*"}, "must stay within the folder"),
        ("ListFiles", {"pattern": "/etc/*"}, "must stay within the folder"),
        ("ListFiles", {"pattern": "**/**/**/x"}, "at most once"),
        ("ListFiles", {"pattern": ""}, "cannot be used"),
        ("CreateDirectory", {"directory_path": "a.txt"}, "File exists"),
        ("ReadJSON", {"file_path": "a.txt"}, "is not JSON"),
        ("ReadCSV", {"file_path": "a.txt", "delimiter": "ab"}, "must be one character"),
        ("ReadCSV", {"file_path": "wide.csv"}, "row 1 has 2 cells"),
        ("ReadCSV", {"file_path": "twice.csv"}, "two columns have the same name"),
        ("ReadCSV", {"file_path": "open.csv"}, "no such CSV in line"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_done(
    folder: Path, kind: str, config: Mapping[str, Any], sentence: str
) -> None:
    files = {"a.txt": "a", "c.txt": "c", "wide.csv": "a\n1,2\n", "twice.csv": "a,a\n", "open.csv": 'a\n"x'}
    for name, text in files.items():
        (folder / name).write_text(text)

    ended = run_one(folder, kind, config)

    assert sentence in ended.error
    assert str(folder) not in ended.error
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == files


def test_files_are_copied_moved_and_deleted(folder: Path) -> None:
    (folder / "a.txt").write_text("abc")
    workflow = Workflow(
        [
            ("folder", "CreateDirectory", {"directory_path": "x/y"}),
            ("copy", "CopyFile", {"source_path": "a.txt", "dest_path": "x/y"}),  # into the folder
            ("move", "MoveFile", {"source_path": "a.txt", "dest_path": "x\\b.txt"}),
            ("delete", "DeleteFile", {"file_path": "{{copy.dest_path}}"}),
            ("again", "DeleteFile", {"file_path": "{{copy.dest_path}}", "ignore_missing": True}),
            ("info", "FileInfo", {"file_path": "{{move.destination_path}}"}),
        ],
        edges="folder > copy > move > delete > again > info",
    )

    ended = run_in(folder, workflow)

    assert ended.error == ""
    assert ended.outputs["copy"] == {"destination_path": "x/y/a.txt", "size": 3, "success": True}
    assert [ended.outputs[node]["deleted"] for node in ("delete", "again")] == [True, False]
    assert ended.outputs["info"] | {"modified": ""} == {
        "size": 3,
        "name": "b.txt",
        "extension": ".txt",
        "path": "x/b.txt",
        "parent": "x",
        "modified": "",
        "is_file": True,
        "is_directory": False,
        "success": True,
    }
    assert sorted(path.name for path in folder.rglob("*")) == ["b.txt", "x", "y"]


def test_lists_are_sorted_and_hold_what_matches(folder: Path) -> None:
    (folder / "sub").mkdir()
    for name in ("b.csv", "a.csv", "c.txt", "sub/d.csv", "sub/.hidden.csv"):
        (folder / name).write_text("")
    (folder / "link.csv").symlink_to("/etc/passwd")

    def listed(kind: str, **config: object) -> Any:
        outputs = outputs_of(run_one(folder, kind, config))
        found = outputs["files" if kind == "ListFiles" else "items"]
        assert outputs["count"] == len(found)
        return found

    assert listed("ListFiles", pattern="*.csv") == ["a.csv", "b.csv"]
    assert listed("ListFiles", pattern="*.csv", recursive=True) == ["a.csv", "b.csv", "sub/.hidden.csv", "sub/d.csv"]
    assert listed("ListFiles", pattern="**/d*") == ["sub/d.csv"]
    assert listed("ListDirectory") == ["a.csv", "b.csv", "c.txt", "sub"]
    assert listed("ListDirectory", dirs_only=True) == ["sub"]
    assert listed("ListDirectory", directory_path="sub", files_only=True) == ["sub/.hidden.csv", "sub/d.csv"]


@pytest.mark.parametrize(
    ("text", "config", "data", "headers"),
    [
        ("a, b \r\n1,x\r\n\r\n2\r\n", {}, [{"a": "1", "b": "x"}, {"a": "2", "b": ""}], ["a", "b"]),
        ('a\n"x, ""y""\nz"\n', {}, [{"a": 'x, "y"\nz'}], ["a"]),  # RFC 4180, section 2
        ("1;2\n", {"delimiter": ";", "has_header": False}, [["1", "2"]], []),
        ("a\tb\n1\t2\n", {"delimiter": "\\t"}, [{"a": "1", "b": "2"}], ["a", "b"]),
        ("", {}, [], []),
    ],
)
def test_csv_is_read_by_its_header(
    folder: Path, text: str, config: Mapping[str, Any], data: list[Any], headers: list[str]
) -> None:
    (folder / "table.csv").write_bytes(text.encode())

    outputs = outputs_of(run_one(folder, "ReadCSV", {"file_path": "table.csv", **config}))

    assert outputs == {"data": data, "headers": headers, "row_count": len(data), "success": True}


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"data": [{"a": 1, "b": "x,y"}, {"a": None, "c": True}]}, 'a,b,c\r\n1,"x,y",\r\n,,true\r\n'),
        ({"data": [{"a": 1, "b": 2}], "headers": ["b"]}, "b\r\n2\r\n"),
        ({"data": [[1, [2]], ["x", None]], "delimiter": ";"}, "1;[2]\r\nx;\r\n"),
        ({"data": [{"a": 1}], "write_header": False}, "1\r\n"),
        ({"data": []}, ""),
    ],
)
def test_csv_is_written_with_the_columns_of_all_rows(folder: Path, config: Mapping[str, Any], text: str) -> None:
    outputs = outputs_of(run_one(folder, "WriteCSV", {"file_path": "new/table.csv", **config}))

    assert outputs == {"file_path": "new/table.csv", "rows_written": len(config["data"]), "success": True}
    assert (folder / "new" / "table.csv").read_bytes() == text.encode()


def test_json_comes_back_as_it_was(folder: Path) -> None:
    value = {"n": 1.5, "list": [None, True, "ä"]}
    workflow = Workflow(
        [
            ("write", "WriteJSON", {"file_path": "value.json", "data": value}),
            ("node", "ReadJSON", {"file_path": "value.json"}),
        ],
        edges="write > node",
    )

    assert outputs_of(run_in(folder, workflow))["data"] == value
    assert json.loads((folder / "value.json").read_text()) == value


def test_a_file_whose_name_holds_a_secret_is_not_kept(folder: Path) -> None:
    (folder / "report.txt").write_text("first")
    nodes = [
        ("secret", "KeepFile", {"file_path": "report.txt", "name": "of-{{secrets.login}}.txt"}),
        ("plain", "KeepFile", {"file_path": "report.txt"}),
    ]

    ended = run(Workflow(nodes, "secret > plain"), host=ListHost(folder, secrets={"login": "hunter22"}))

    assert [path.name for _, path in ended.host.artifacts] == ["report.txt"]
    assert ("warning", "A file is not kept: its name holds a secret.") in ended.host.lines
    assert "hunter22" not in f"{ended.host.artifacts}{ended.host.lines}{ended.host.executions}{ended.end}"


def test_a_kept_file_stays_as_it_was_when_it_was_kept(folder: Path) -> None:
    workflow = Workflow(
        [
            ("one", "WriteFile", {"file_path": "report.txt", "content": "first"}),
            ("keep", "KeepFile", {"file_path": "report.txt"}),
            ("two", "WriteFile", {"file_path": "report.txt", "content": "second"}),
            ("again", "KeepFile", {"file_path": "report.txt", "name": "../a/report.txt"}),
        ],
        edges="one > keep > two > again",
    )

    ended = run_in(folder, workflow)

    assert ended.error == ""
    kept = [path for _, path in ended.host.artifacts]
    assert [path.read_text() for path in kept] == ["first", "second"]
    assert [path.parent for path in kept] == [folder / "artifacts"] * 2
    assert [ended.outputs[node]["name"] for node in ("keep", "again")] == [path.name for path in kept]
