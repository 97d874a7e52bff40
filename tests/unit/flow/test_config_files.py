"""config.yaml, captions and cookies: what is read, and what is said of what cannot be read."""

from pathlib import Path
from typing import Any

import pytest

from workers.flow import bot_config, captions, storage_state
from workers.flow.errors import ConfigInvalid
from workers.flow.yaml_document import read_yaml

CONFIG: dict[str, Any] = {"bot_code": "f2f_post", "headless": True, "timezone": "Europe/Amsterdam"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"a: [", "not YAML, line 2"),
        (b"a: 1\na: 2", "line 2: the key 'a' stands there twice"),
        (b"1: x", "line 1: the key 1 must be a text"),
        (b"on: x", "line 1: the key True must be a text"),
        (b"[a]: x", "must be a text"),
        (b"a: &x [1]\nb: *x", r"line 2: aliases \(\*x\) are not supported"),
        (b"[" * 100 + b"]" * 100, "nested more than 60 deep"),
        (b"a: !!python/object/apply:os.system [id]", "not YAML"),
        (b"a: 2026-99-99", "month must be in"),
        (b"\xff", "not UTF-8"),
        (b"a: \0", "not YAML"),
        (b"a: 1\n---\nb: 2", "not YAML"),
        (b" " * 1_100_000, "larger than"),
    ],
)
def test_yaml_that_is_not_plain_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(ConfigInvalid, match=reason):
        read_yaml(text)


def test_the_documented_configuration_is_read() -> None:
    document = read_yaml(
        b"bot_code: f2f_post\nheadless: true\ntimezone: Europe/Amsterdam\n"
        b"cookies_path: ./secrets/storageState.json\n"
        b"inputs:\n  captions_csv: ./inputs/captions.csv\n  media_dir: ./inputs/media\nphases: []\nparams: {}\n"
    )
    assert isinstance(document, dict)

    config = bot_config.parse(document)

    assert config.bot_code == "f2f_post"
    assert config.settings == bot_config.parse(CONFIG).settings
    assert config.settings.timezone == "Europe/Amsterdam"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bot_code": None}, "'bot_code' is missing"),
        ({"bot_code": "../x"}, "'bot_code' must be lower case letters"),
        ({"headless": None}, "'headless' is missing"),
        ({"headless": "yes"}, "'headless' must be true or false"),
        ({"timezone": None}, "'timezone' is missing"),
        ({"timezone": 3}, "'timezone' must be the name of a time zone"),
        ({"timezone": "Mars/Phobos"}, "there is no 'Mars/Phobos'"),
        ({"timezone": "../../etc/passwd"}, "'timezone' must be"),
        ({"timezone": "Europe"}, "'timezone' must be"),
        ({"timezone": ""}, "'timezone' must be"),
        ({"locale": "english please"}, "'locale' must be a language tag"),
        ({"viewport": {"width": 0}}, "'viewport.width' must be a whole number from 1 to 10,000"),
        ({"viewport": "big"}, "'viewport' must be a map"),
        ({"cookies_path": 3}, "'cookies_path' must be a path"),
        ({"inputs": []}, "'inputs' must be a map"),
        ({"inputs": {"media_dir": "a\0"}}, "'inputs.media_dir' must be a path"),
        ({"phases": {}}, "'phases' must be a list"),
        ({"params": [1]}, "'params' must be a map"),
        ({"step_limit": True}, "'step_limit' must be a whole number"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        bot_config.parse({**CONFIG, **change})

    assert reason in str(refusal.value)


def test_a_missing_or_shapeless_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"config\.yaml cannot be read"):
        bot_config.read(tmp_path)
    (tmp_path / "config.yaml").write_text("- a")
    with pytest.raises(ConfigInvalid, match="must be a map of keys to values"):
        bot_config.read(tmp_path)


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"caption,media\na,b\n", [{"caption": "a", "media": "b"}]),
        (b"\xef\xbb\xbfcaption\r\na\r\n", [{"caption": "a"}]),  # byte order mark, CRLF
        (b"caption;media\na,b;c\n", [{"caption": "a,b", "media": "c"}]),
        (b'caption\n"two\nlines"\n', [{"caption": "two\nlines"}]),
        (b'caption\n"say ""hi"""\n', [{"caption": 'say "hi"'}]),
        (b" caption , media\na\n\n,\nb,c", [{"caption": "a", "media": ""}, {"caption": "b", "media": "c"}]),
        ("caption\na\u2028b\n".encode(), [{"caption": "a\u2028b"}]),  # a line separator is no end of a row
        (b"caption\n", []),
    ],
)
def test_captions_are_rows_of_texts(data: bytes, rows: list[dict[str, str]]) -> None:
    assert captions.parse(data)[1] == rows


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "has no header line"),
        (b"\n", "has no header line"),
        (b"a,a\n", "every column must have a name of its own"),
        (b"a,\n", "every column must have a name of its own"),
        (b"a\nb,c\n", "the row of caption 1 has 2 cells but the header 1"),
        (b'a\n"open\n', "captions.csv, line 2: unexpected end of data"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a\n\0\n", "not a text file"),
        (b"a\n" + b"x" * 200_000, "field larger than field limit"),
        (b"a\n" + b"x\n" * 100_001, "more than 100,000 rows"),
    ],
)
def test_broken_captions_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ConfigInvalid, match=reason):
        captions.parse(data)


COOKIE = '{"name": "a", "value": "secret", "domain": "x", "path": "/", "expires": %s}'


def test_cookies_expire_by_their_time() -> None:
    cookies = ", ".join(COOKIE % expires for expires in (-1, 99.5, 100, 101))

    state = storage_state.parse(f'{{"cookies": [{cookies}], "origins": []}}'.encode())

    assert state.expired_count(now=100) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "must be a Playwright storage state"),
        ('{"cookies": {}}', "must be lists of objects"),
        ('{"cookies": [1]}', "must be lists of objects"),
        ('{"cookies": [], "origins": 1}', "must be lists of objects"),
        ('{"cookies": [{"value": "secret"}]}', "cookie 1 in the cookies file has no name"),
        ('{"cookies": [{"name": "a", "domain": "x"}]}', "cookie 1 in the cookies file has no value"),
        ('{"cookies": [{"name": "a", "value": "secret"}]}', "cookie 1 in the cookies file has no domain"),
        ('{"cookies": [%s]}' % (COOKIE % '"soon"'), "'expires' that is no number"),
        ('{"cookies": [{"name": "a", "value": "secret", "domain": "x", "sameSite": "no"}]}', "'sameSite'"),
    ],
)
def test_what_is_no_storage_state_is_refused_without_telling_values(text: str, reason: str) -> None:
    with pytest.raises(ConfigInvalid) as refusal:
        storage_state.parse(text.encode())

    assert reason in str(refusal.value)
    assert "secret" not in str(refusal.value)
