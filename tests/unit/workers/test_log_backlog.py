from pathlib import Path

import pytest

from switchyard.tasks.v1.task_pb2 import LogLine
from workers.log_backlog import LogBacklog


def texts(lines: list[LogLine]) -> list[str]:
    return [line.message for line in lines]


@pytest.mark.parametrize("memory_bytes", [1, 500, 1_000_000])  # all in the file, some of it, none
def test_lines_come_out_in_the_order_they_went_in(tmp_path: Path, memory_bytes: int) -> None:
    backlog = LogBacklog(tmp_path / "spill", memory_bytes=memory_bytes)
    taken: list[str] = []

    for number in range(100):
        backlog.append(LogLine(message=f"line {number}"))
        if number % 10 == 9:
            taken += texts(backlog.take(count=3, size_bytes=10_000))
    while len(backlog):
        taken += texts(backlog.take(count=7, size_bytes=10_000))
    backlog.close()

    assert taken == [f"line {number}" for number in range(100)]


def test_a_batch_is_bounded_by_size_but_never_empty(tmp_path: Path) -> None:
    backlog = LogBacklog(tmp_path / "spill")
    for _ in range(3):
        backlog.append(LogLine(message="x" * 1000))

    assert len(backlog.take(count=10, size_bytes=1)) == 1
    assert len(backlog.take(count=10, size_bytes=2000)) == 2
    assert backlog.take(count=10, size_bytes=2000) == []


def test_the_file_is_emptied_when_it_was_read_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "spill"
    backlog = LogBacklog(path, memory_bytes=200)
    for _ in range(10):
        backlog.append(LogLine(message="x" * 100))

    while len(backlog):
        backlog.take(count=1, size_bytes=1)

    assert path.stat().st_size == 0
    backlog.close()
    assert not path.exists()
