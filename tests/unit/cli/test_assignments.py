from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict

from server.cli.assignments import read_config_file, to_struct, to_tree
from server.cli.failures import CommandFailed, ExitCode


@pytest.mark.parametrize(
    ("word", "tree"),
    [
        ("url=http://127.0.0.1:8090/?a=b", {"url": "http://127.0.0.1:8090/?a=b"}),
        ("count=3", {"count": 3}),
        ("headless=false", {"headless": False}),
        ("gone=", {"gone": None}),
        ("inputs.media_dir=./other", {"inputs": {"media_dir": "./other"}}),
        ("tags=[a, b]", {"tags": ["a", "b"]}),
        # YAML would make a date of it, which JSON has not.
        ("day=2024-01-15", {"day": "2024-01-15"}),
        # Not YAML at all.
        ("text=[open", {"text": "[open"}),
    ],
)
def test_a_value_is_read_as_yaml_has_it(word: str, tree: dict[str, object]) -> None:
    struct = to_struct([word])

    assert struct is not None
    assert MessageToDict(struct) == tree


@pytest.mark.parametrize("word", ["url", "=x", "a..b=1", "a b=1"])
def test_a_word_that_is_no_assignment_is_a_wrong_argument(word: str) -> None:
    with pytest.raises(CommandFailed, match="must be key=value") as failure:
        to_struct([word])

    assert failure.value.exit_code is ExitCode.USAGE


def test_words_are_laid_over_the_file() -> None:
    struct = to_struct(["inputs.media_dir=m"], over={"inputs": {"captions_csv": "c"}, "headless": True})

    assert struct is not None
    assert MessageToDict(struct) == {"inputs": {"captions_csv": "c", "media_dir": "m"}, "headless": True}


def test_no_words_are_no_struct() -> None:
    assert to_struct([]) is None


@pytest.mark.parametrize("text", ["- a\n", "a: [", "a: 2024-01-15\n", "just words"])
def test_a_file_that_is_no_map_of_plain_values_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)

    with pytest.raises(CommandFailed):
        read_config_file(file)


def test_a_whole_number_stays_one_where_json_is_wanted() -> None:
    assert to_tree(["n=3", "deep.x=2.5", "none="]) == {"n": 3, "deep": {"x": 2.5}, "none": None}
    assert isinstance(to_tree(["n=3"])["n"], int)
