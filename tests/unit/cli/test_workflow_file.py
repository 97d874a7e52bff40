from pathlib import Path

import pytest

from server.cli.failures import CommandFailed, ExitCode
from server.cli.orchestrator.workflow_file import name_in, read_graph, read_text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flow.json"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{}", "must contain 'nodes' key"),
        (b'{"nodes": [{"id": "a"}]}', "Node 'a' must have a type"),
        (b'{"nodes": {}, "nodes": {}}', "must not repeat the key 'nodes'"),
        (b"[]", "must be an object"),
        (b"", "must not be empty"),
        (b"{\xff}", "must be valid"),
        (b"[" * 200 + b"]" * 200, "nest deeper"),
    ],
)
def test_a_file_without_a_graph_is_refused_with_its_name(file: Path, content: bytes, sentence: str) -> None:
    file.write_bytes(content)

    with pytest.raises(CommandFailed, match=sentence) as refusal:
        read_graph(file)

    assert refusal.value.exit_code is ExitCode.USAGE
    assert str(refusal.value).startswith(str(file))


def test_the_text_of_a_file_is_what_it_says_without_white_space(file: Path) -> None:
    file.write_text('{ "nodes": { }, "big": 12345678901234567890 }')

    assert read_text(file) == '{"nodes":{},"big":12345678901234567890}'


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"workflow_name": "a", "name": "b"}', "a"),
        ('{"name": "b", "metadata": {"name": "c"}}', "b"),
        ('{"name": "", "metadata": {"name": "c"}}', "c"),
        ('{"name": 3, "metadata": []}', ""),
    ],
)
def test_a_file_tells_its_name_at_the_top_or_in_its_metadata(text: str, name: str) -> None:
    assert name_in(text) == name
