"""What reports of activity are taken, and what they change."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from server.clock import SECOND, to_timestamp
from server.environments.activity import activity_report
from server.environments.activity.activity_report import Report
from server.environments.environment_row import EnvironmentRow
from server.errors import InvalidArgument
from switchyard.environments.v1.activity_service_pb2 import ActivitySnapshot, ReportActivityRequest
from tests.unit.environments.rows import HOUR, MINUTE, NOW, environment

# Source: time.Time of Go, whose zero value is written so in JSON.
ZERO_OF_GO = Timestamp(seconds=-62_135_596_800)
AHEAD = 5 * MINUTE
QUIET = Report(time=NOW, ide_time=None, ssh_time=None, ide_connections=0, ssh_connections=0)


def request(timestamp: Timestamp, **snapshot: Any) -> ReportActivityRequest:
    return ReportActivityRequest(snapshot=ActivitySnapshot(**snapshot), timestamp=timestamp)


def after(row: EnvironmentRow, **report: Any) -> EnvironmentRow:
    return row._replace(**activity_report.recorded(row, Report(**(vars_of(QUIET) | report)), now=NOW))


def vars_of(report: Report) -> dict[str, Any]:
    return {name: getattr(report, name) for name in Report.__slots__}


@pytest.mark.parametrize("never", [ZERO_OF_GO, Timestamp(), None])
def test_a_time_of_zero_means_never(never: Timestamp | None) -> None:
    read = activity_report.read(request(to_timestamp(NOW), last_ide_activity=never, last_ssh_activity=never), now=NOW)

    assert (read.ide_time, read.ssh_time) == (None, None)


@pytest.mark.parametrize("zero", [ZERO_OF_GO, Timestamp()])
def test_a_report_was_made_at_some_time(zero: Timestamp) -> None:
    with pytest.raises(InvalidArgument, match="timestamp must be the time of the report"):
        activity_report.read(request(zero), now=NOW)


@pytest.mark.parametrize("field", ["timestamp", "snapshot.lastIDEActivity", "snapshot.lastSSHActivity"])
@pytest.mark.parametrize("beyond", [1, 365 * 24 * HOUR, 200_000_000_000 * SECOND])
def test_a_time_of_the_future_is_refused_by_its_name(field: str, beyond: int) -> None:
    times = dict.fromkeys(["timestamp", "snapshot.lastIDEActivity", "snapshot.lastSSHActivity"], NOW + AHEAD)
    times[field] += beyond
    timestamp, ide, ssh = map(to_timestamp, times.values())

    with pytest.raises(InvalidArgument) as refusal:
        activity_report.read(request(timestamp, last_ide_activity=ide, last_ssh_activity=ssh), now=NOW)

    assert [one.field for one in refusal.value.violations] == [field]


def test_a_clock_that_is_five_minutes_ahead_is_believed() -> None:
    ahead = to_timestamp(NOW + AHEAD)

    assert activity_report.read(request(ahead, last_ide_activity=ahead), now=NOW).time == NOW + AHEAD


def test_use_is_not_dated_later_than_now() -> None:
    row = after(environment(), time=NOW + AHEAD, ide_time=NOW + AHEAD, ssh_connections=1)

    assert (row.report_time, row.ide_time, row.ssh_time, row.access_time) == (NOW + AHEAD, NOW, NOW, NOW)


def test_an_older_report_changes_nothing() -> None:
    row = environment(report_time=NOW, ide_connections=1, ide_time=NOW)

    assert after(row, time=NOW - 1, ide_time=NOW, ssh_connections=7) == row


def test_a_report_that_knows_of_no_use_does_not_make_it_undone() -> None:
    row = after(environment(report_time=NOW - MINUTE, ide_time=NOW - 2 * MINUTE))

    assert row.ide_time == NOW - 2 * MINUTE


def test_a_connection_was_used_when_it_was_last_seen_open() -> None:
    row = after(after(environment(), time=NOW - MINUTE, ssh_connections=1))

    assert (row.ssh_connections, row.ssh_time, row.ide_time) == (0, NOW - MINUTE, None)


def test_only_use_moves_the_time_of_access() -> None:
    quiet = after(environment(access_time=NOW - HOUR))
    used = after(environment(access_time=NOW - HOUR), ide_time=NOW - MINUTE)

    assert (quiet.access_time, used.access_time) == (NOW - HOUR, NOW - MINUTE)


times = st.integers(NOW - HOUR, NOW + AHEAD)
reports = st.builds(
    Report,
    time=times,
    ide_time=st.none() | times,
    ssh_time=st.none() | times,
    ide_connections=st.integers(0, 2),
    ssh_connections=st.integers(0, 2),
)


@given(st.lists(reports, max_size=6))
def test_reports_never_turn_times_back_and_the_newest_one_says_what_is_open(given_reports: list[Report]) -> None:
    row = environment()
    for report in given_reports:
        before, row = row, row._replace(**activity_report.recorded(row, report, now=NOW))
        assert row.access_time >= before.access_time
        assert (row.ide_time or 0) >= (before.ide_time or 0)
        assert (row.ssh_time or 0) >= (before.ssh_time or 0)
        assert row.access_time <= NOW
        assert row.status == before.status

    newest = max(given_reports, key=lambda report: report.time, default=QUIET)
    among = {(one.ide_connections, one.ssh_connections) for one in given_reports if one.time == newest.time}
    assert (row.ide_connections, row.ssh_connections) in (among or {(0, 0)})
