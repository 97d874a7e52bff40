"""What config.yaml may hold and how it is changed."""

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from server.bots import config_file
from server.bots.config_file import ConfigBroken
from server.errors import InvalidArgument


def named(config: config_file.Config) -> list[str]:
    return [violation.field for violation in config_file.violations(config, bot_code="noop")]


def test_the_defaults_are_those_of_the_document() -> None:
    text = config_file.render(config_file.defaults("f2f_post")).decode()

    assert text == (
        "bot_code: f2f_post\n"
        "headless: true\n"
        "timezone: UTC\n"
        "cookies_path: ./secrets/storageState.json\n"
        "inputs:\n"
        "  captions_csv: ./inputs/captions.csv\n"
        "  media_dir: ./inputs/media\n"
        "phases: []\n"
        "params: {}\n"
    )


def test_the_defaults_pass_the_check() -> None:
    assert named(config_file.defaults("noop")) == []


def test_changes_merge_maps_replace_values_and_remove_by_null() -> None:
    present = {"a": 1, "b": {"x": 1, "y": 2}, "c": [1]}

    changed = config_file.lay_over(present, {"b": {"y": None, "z": 3}, "c": [], "a": None, "d": {"n": None}})

    assert changed == {"b": {"x": 1, "z": 3}, "c": [], "d": {}}


def test_whole_numbers_of_a_struct_are_integers_again() -> None:
    struct = json_format.ParseDict({"a": 3, "b": 2.5, "c": [1, {"d": None}], "e": 1e300}, Struct())

    plain = config_file.from_struct(struct)

    assert plain == {"a": 3, "b": 2.5, "c": [1, {"d": None}], "e": 1e300}
    assert isinstance(plain["a"], int)
    assert isinstance(plain["e"], float)


def test_a_struct_that_cannot_fit_as_yaml_is_not_even_looked_at() -> None:
    """Ten megabytes of short values took minutes to write as YAML, before they were found too large."""
    struct = Struct()
    struct["a"] = [1] * (config_file.MAX_BYTES // 2)

    with pytest.raises(InvalidArgument, match="config must be at most 1048576 bytes as YAML"):
        config_file.from_struct(struct)


def test_whatever_fits_as_yaml_passes_as_a_struct() -> None:
    """Short keys with numbers take the most bytes in a Struct for each in YAML."""
    config = {chr(0x21 + place): place for place in range(90)}
    struct = json_format.ParseDict(config, Struct())

    assert struct.ByteSize() <= 4 * len(config_file.render(config_file.from_struct(struct)))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bot_code": "other"}, "config.bot_code"),
        ({"bot_code": 3}, "config.bot_code"),
        ({"headless": "yes"}, "config.headless"),
        ({"headless": 1}, "config.headless"),
        ({"timezone": "Mars/Olympus"}, "config.timezone"),
        ({"timezone": "../../etc/passwd"}, "config.timezone"),
        ({"timezone": 1}, "config.timezone"),
        ({"locale": ""}, "config.locale"),
        ({"cookies_path": "/etc/passwd"}, "config.cookies_path"),
        ({"cookies_path": "../../x"}, "config.cookies_path"),
        ({"cookies_path": "secrets/\x00"}, "config.cookies_path"),
        ({"inputs": []}, "config.inputs"),
        ({"inputs": {"captions_csv": "../c.csv"}}, "config.inputs.captions_csv"),
        ({"inputs": {"media_dir": 1}}, "config.inputs.media_dir"),
        ({"phases": {}}, "config.phases"),
        ({"phases": ["a"]}, "config.phases[0]"),
        ({"phases": [{"steps": []}]}, "config.phases[0].name"),
        ({"phases": [{"name": "a", "steps": {}}]}, "config.phases[0].steps"),
        ({"params": []}, "config.params"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, object], field: str) -> None:
    assert named(config_file.defaults("noop") | change) == [field]


@pytest.mark.parametrize("key", ["bot_code", "headless", "timezone"])
def test_required_keys_cannot_be_missing(key: str) -> None:
    config = config_file.defaults("noop")
    del config[key]

    assert named(config) == [f"config.{key}"]


def test_all_wrong_values_are_told_at_once() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        config_file.check({"bot_code": "noop", "headless": 1, "timezone": 2}, bot_code="noop")

    assert refusal.value.message == (
        "config.headless must be true or false; "
        "config.timezone must be the IANA name of a time zone, like Europe/Amsterdam"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"a: [",
        b"a: b: c",
        b"- 1",
        b"",
        b"text",
        b"\xff",
        b"1: a",
        b"a: 2024-13-45",
        b"!!python/object/apply:os.system ['true']",
        b"[" * 50_000,
        b"a: \x00",
    ],
)
def test_a_file_that_is_no_map_in_yaml_is_broken(data: bytes) -> None:
    with pytest.raises(ConfigBroken):
        config_file.parse(data)


def test_the_place_of_a_mistake_is_told() -> None:
    with pytest.raises(ConfigBroken, match="line 2"):
        config_file.parse(b"a: 1\nb: c: d\n")


def test_unknown_keys_survive() -> None:
    data = b"viewport:\n  width: 800\nbot_code: noop\n"

    assert config_file.render(config_file.parse(data)) == data


def test_a_config_above_a_mebibyte_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        config_file.render({"params": {"text": "x" * config_file.MAX_BYTES}})


def test_equal_files_have_one_id() -> None:
    assert config_file.config_id(b"a: 1\n") == config_file.config_id(b"a: 1\n")
    assert config_file.config_id(b"a: 1\n") != config_file.config_id(b"a: 2\n")
