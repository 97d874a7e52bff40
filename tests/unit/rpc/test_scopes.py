"""Scopes of API tokens, read from the contract."""

import pytest

from server.rpc.scopes import Reach, packages, reach_of
from switchyard.bots.v1 import run_service_pb2
from switchyard.orchestrator.v1 import robot_service_pb2


def test_scopes_are_the_packages_that_have_services() -> None:
    assert {"auth", "bots", "orchestrator", "system", "tasks", "telemetry"} <= packages()
    assert not packages() & {"errors", "gateway", "google", "switchyard"}


@pytest.mark.parametrize(
    ("reach", "scopes", "within"),
    [
        (Reach("bots", reads=True), (), True),
        (Reach("bots", reads=False), (), True),
        (Reach("bots", reads=True), ("bots",), True),
        (Reach("bots", reads=False), ("bots",), True),
        (Reach("bots", reads=True), ("bots:read",), True),
        (Reach("bots", reads=False), ("bots:read",), False),
        (Reach("bots", reads=True), ("tasks", "telemetry:read"), False),
        (Reach("bots", reads=True), ("tasks", "bots:read"), True),
    ],
)
def test_a_scope_opens_its_package_or_what_reads_in_it(reach: Reach, scopes: tuple[str, ...], within: bool) -> None:
    assert reach.within(scopes) is within


def test_a_stream_of_logs_only_reads() -> None:
    method = run_service_pb2.DESCRIPTOR.services_by_name["RunService"].methods_by_name["WatchLogs"]

    assert reach_of(method) == Reach("bots", reads=True)


def test_a_machine_that_watches_for_work_does_more_than_read() -> None:
    method = robot_service_pb2.DESCRIPTOR.services_by_name["RobotService"].methods_by_name["WatchAssignments"]

    assert reach_of(method) == Reach("orchestrator", reads=False)
