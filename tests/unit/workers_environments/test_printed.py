"""What environments have printed: lines, secrets, files of a bounded size."""

import asyncio
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.environments.local import printed
from workers.environments.local.printed import LINE_BYTES, Lines, LogFile, follow, tail


def all_lines(lines: Lines, *pieces: bytes) -> list[str]:
    return [*itertools.chain.from_iterable(lines.feed(piece) for piece in pieces), *lines.rest()]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"))), st.integers(1, 7))
def test_lines_are_the_same_however_they_come(texts: list[str], size: int) -> None:
    data = "".join(f"{text}\n" for text in texts).encode()

    found = all_lines(Lines(), *(data[at : at + size] for at in range(0, len(data), size)))

    assert found == texts


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"one\r\ntwo", ["one", "two"]),  # ends as of another system; the last is not ended
        (b"\n\n", ["", ""]),
        (b"", []),
        (b"\xff\xfe\n", ["\ufffd\ufffd"]),  # no UTF-8
    ],
)
def test_what_is_printed_becomes_lines(data: bytes, expected: list[str]) -> None:
    assert all_lines(Lines(), data) == expected


def test_a_secret_is_masked_wherever_it_stands() -> None:
    lines = Lines(["hunter22", "hunter22-long", "abc"])

    found = all_lines(lines, b"a hunter22-long b hun", b"ter22 abc\n")

    assert found == ["a *** b *** abc"]  # what is shorter than four characters would mask half of every text


def test_a_secret_across_the_end_of_a_cut_line_is_masked() -> None:
    line = b"x" * (LINE_BYTES - 4) + b"hunter22" + b"y" * 100_000

    (found,) = all_lines(Lines(["hunter22"]), line[:LINE_BYTES], line[LINE_BYTES:])

    assert len(found) == LINE_BYTES
    assert found.endswith("x***y")


def test_a_line_without_end_takes_no_more_memory_than_it_may() -> None:
    lines = Lines()
    for _ in range(100):
        lines.feed(b"x" * 100_000)

    assert len(lines._begun) == LINE_BYTES


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed, "FILE_BYTES", 1000)


@pytest.mark.parametrize("count", [0, 1, 5, 150, 300])
def test_the_last_lines_are_found_across_files(tmp_path: Path, small_files: None, count: int) -> None:
    path = tmp_path / "environment.log"
    log = LogFile(path)
    for number in range(200):
        log.write([f"line {number}"])

    lines, file = tail(path, count)

    file.close()
    log.close()
    kept = [f"line {number}" for number in range(200)][-count:] if count else []
    assert lines == kept[-len(lines) :] if lines else not kept
    assert len(lines) >= min(count, 100)
    assert sum(found.stat().st_size for found in tmp_path.iterdir()) < 3000
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_follower_loses_no_line_when_files_change(tmp_path: Path, small_files: None) -> None:
    path = tmp_path / "environment.log"
    log = LogFile(path)
    log.write(["before"])
    lines, file = tail(path, 0)
    assert lines == []
    found: list[str] = []
    following = follow(path, file)
    for number in range(150):
        log.write([f"line {number}"])
        if number % 30 == 29:
            while f"line {number}" not in found:
                found += await anext(following)

    await following.aclose()
    log.close()
    assert found == [f"line {number}" for number in range(150)]


async def test_a_follower_that_was_too_slow_is_told(tmp_path: Path, small_files: None) -> None:
    path = tmp_path / "environment.log"
    log = LogFile(path)
    log.write(["before"])
    _, file = tail(path, 0)
    for number in range(500):
        log.write([f"line {number}"])
    following = follow(path, file)
    found: list[str] = []

    async with asyncio.timeout(10):
        while "line 499" not in found:
            found += await anext(following)

    await following.aclose()
    log.close()
    assert [line for line in found if "lines were lost" in line]
