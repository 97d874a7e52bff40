"""What a supervisor sees in tables of the kernel, in answers of editors and in files, and when it reports that."""

import json
import os
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from workers.supervise import connections, editor, files, reports, terminals
from workers.supervise.pace import Pace
from workers.supervise.settings import read_settings
from workers.supervise.snapshot import Connections, Snapshot, as_report, newest

NOON = datetime(2025, 10, 24, 12, tzinfo=UTC)
NOBODY, SOMEBODY = Connections(0, 0), Connections(1, 0)
GOOD = {"AGENT_URL": "http://10.0.0.1:8080", "ENVIRONMENT_ID": "env-abc123", "ENVIRONMENT_TOKEN": "secret"}

# proc(5), /proc/net/tcp and tcp6. 0x20FB is 8443, 0x8AE 2222.
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 1 1 0 100 0 0 10 0
   1: 0100007F:20FB 0100007F:C350 01 00000000:00000000 00:00000000 00000000  0 0 2 1 0 100 0 0 10 0
   2: 0100007F:C350 0100007F:20FB 01 00000000:00000000 00:00000000 00000000  0 0 3 1 0 100 0 0 10 0
   3: 0100007F:20FB 0100007F:C351 06 00000000:00000000 00:00000000 00000000  0 0 0 3 0 100 0 0 10 0
   4: 0100007F:20FB 0200000A:C352 01 00000000:00000000 00:00000000 00000000  0 0 4 1 0 100 0 0 10 0
"""
TABLE_6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000001000000:08AE 00000000000000000000000001000000:D431 01 00000000:00000000 00:00000000
"""


def test_connections_are_those_that_are_open_at_this_end() -> None:
    # Neither what listens, nor the other end on the same machine, nor what is closed already.
    assert connections.established(TABLE.splitlines(), 8443) == 2
    assert connections.established(TABLE_6.splitlines(), 2222) == 1
    assert connections.established(TABLE.splitlines(), 2222) == 0


@pytest.mark.parametrize("table", ["", "\n", "sl local\n", "0: 1 2\n"])
def test_a_table_that_cannot_be_read_has_no_connections(table: str) -> None:
    assert connections.established(table.splitlines(), 8443) == 0


@pytest.mark.parametrize(
    ("told", "time"),
    [
        ({"last_activity": "2025-10-24T12:00:00.000000Z"}, NOON),
        ({"last_activity": "2025-10-24T14:00:00+02:00"}, NOON),
        ({"last_activity": "2025-10-24T12:00:00"}, NOON),
        ({"last_activity": "yesterday"}, None),
        ({"last_activity": None}, None),
        ({"last_activity": 5}, None),
        ({}, None),
    ],
)
def test_jupyter_tells_its_last_activity(told: dict[str, Any], time: datetime | None) -> None:
    assert editor.jupyter_time(told) == time


@pytest.mark.parametrize(
    ("told", "time"),
    [
        ({"status": "alive", "lastHeartbeat": 1761307200000}, NOON),
        ({"status": "expired", "lastHeartbeat": 0}, None),
        ({"lastHeartbeat": "soon"}, None),
        ({"lastHeartbeat": 10**30}, None),
        ({"status": "ok"}, None),
    ],
)
def test_code_server_tells_its_last_heartbeat(told: dict[str, Any], time: datetime | None) -> None:
    assert editor.code_server_time(told) == time


def test_the_newest_change_of_a_file_counts_and_one_from_the_future_does_not(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name, changed in (("old", 100.0), ("a/b/new", 200.0), ("future", 5_000.0)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (changed, changed))

    assert files.newest_change(tmp_path, now=1_000.0) == 200.0


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").touch()
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "file").symlink_to(tmp_path / "out" / "file")

    assert files.newest_change(tmp_path / "in", now=1e12) is None
    assert files.newest_change(tmp_path / "nowhere", now=1e12) is None


def login(line: bytes, host: bytes, kind: int = 7) -> bytes:
    """One record of utmp(5), 384 bytes."""
    record = struct.pack("=hxxi32s4s32s256s", kind, 1234, line, b"ts/0", b"dev", host)
    return record.ljust(384, b"\0")


@pytest.mark.parametrize(
    ("records", "lines"),
    [
        ([login(b"pts/0", b"10.0.0.7"), login(b"pts/12", b"example.org")], ["pts/0", "pts/12"]),
        ([login(b"tty1", b"")], []),  # somebody at the machine itself
        ([login(b"pts/0", b"10.0.0.7", kind=8)], []),  # has left
        ([login(b"pts/../../etc", b"10.0.0.7")], []),
        ([login(b"pts/3", b"10.0.0.7"), b"cut off"], ["pts/3"]),
        ([], []),
    ],
)
def test_those_who_came_from_elsewhere_have_terminals(records: Sequence[bytes], lines: list[str]) -> None:
    assert list(terminals.logged_in(b"".join(records))) == lines


def test_what_was_seen_once_stays_and_is_never_ahead_of_the_clock() -> None:
    earlier, ahead = NOON - timedelta(hours=1), NOON + timedelta(days=1)

    assert newest(None, None, now=NOON) is None
    assert newest(earlier, None, now=NOON) == earlier
    assert newest(earlier, ahead, now=NOON) == NOON


def test_a_report_has_the_documented_keys_and_leaves_out_what_never_happened() -> None:
    seen = Snapshot(NOON, Connections(1, 0), NOON - timedelta(seconds=1.5), None)

    assert as_report(seen) == {
        "snapshot": {
            "lastIDEActivity": "2025-10-24T11:59:58.500Z",
            "activeIDEConnections": 1,
            "activeSSHConnections": 0,
        },
        "timestamp": "2025-10-24T12:00:00.000Z",
    }


def test_a_report_is_due_each_minute_and_at_once_when_connections_change() -> None:
    pace = Pace(60)

    assert pace.due(0, NOBODY)
    pace.delivered(0, NOBODY)
    assert not pace.due(59, NOBODY)
    assert pace.due(1, SOMEBODY)
    assert pace.due(60, NOBODY)


def test_a_report_that_did_not_arrive_is_tried_again_with_growing_pauses() -> None:
    pace = Pace(60)
    pace.delivered(0, NOBODY)
    now, pauses = 60.0, []
    for _ in range(2_000):
        pace.failed(now)
        # Somebody who comes and goes meanwhile does not hurry it.
        assert not pace.due(now, SOMEBODY)
        pause = next(
            seconds for seconds in (1, 2, 4, 8, 16, 32, 60, None) if seconds and pace.due(now + seconds, NOBODY)
        )
        pauses.append(pause)
        now += pause

    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(pauses[8:]) == {60}
    pace.delivered(now, NOBODY)
    assert pace.due(now + 1, SOMEBODY)


def test_the_server_says_how_long_it_wants_to_be_left_alone() -> None:
    pace = Pace(60)
    pace.failed(0, retry_seconds=120)

    assert not pace.due(119, NOBODY)
    assert pace.due(120, NOBODY)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (json.dumps({"error": "Unauthorized", "message": "Invalid\ntoken"}).encode(), "Invalid token"),
        (b"<html>", "it does not say why"),
        (b"[]", "it does not say why"),
        (b"", "it does not say why"),
    ],
)
def test_what_the_server_says_becomes_one_line(body: bytes, said: str) -> None:
    assert reports.sentence(body) == said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AGENT_URL", ""),
        ("AGENT_URL", "10.0.0.1:8080"),
        ("AGENT_URL", "ftp://10.0.0.1"),
        ("AGENT_URL", "http://10.0.0.1:many"),
        ("AGENT_URL", "http://"),
        ("ENVIRONMENT_ID", ""),
        ("ENVIRONMENT_ID", "../other"),
        ("ENVIRONMENT_TOKEN", ""),
        ("ENVIRONMENT_TOKEN", "two\nlines"),
    ],
)
def test_a_wrong_value_ends_the_start_and_is_named(
    capsys: pytest.CaptureFixture[str], variable: str, value: str
) -> None:
    with pytest.raises(SystemExit) as end:
        read_settings([], GOOD | {variable: value})

    error = capsys.readouterr().err
    assert end.value.code == 2
    assert variable in error
    assert "two" not in error


@pytest.mark.parametrize(
    "words", [["--ide-port", "65536"], ["--ssh-port", "-1"], ["--every", "0"], ["--every", "3601"]]
)
def test_a_number_out_of_range_ends_the_start(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(words, GOOD)

    assert words[0] in capsys.readouterr().err


def test_the_token_stands_in_no_representation() -> None:
    settings = read_settings([], GOOD | {"JUPYTER_TOKEN": "password"})

    assert "secret" not in repr(settings)
    assert "password" not in repr(settings)
    assert (settings.ide_port, settings.ssh_port, settings.report_seconds) == (8443, 2222, 60)
