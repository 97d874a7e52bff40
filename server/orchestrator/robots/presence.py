"""Tells in the activity feed who came and who went: each time exactly once, however many servers look."""

from collections.abc import Iterable

import sqlalchemy as sa

from server.orchestrator.metrics import activity_store
from server.orchestrator.robots import lifecycle, robot_store
from server.orchestrator.robots.robot import Facts
from switchyard.orchestrator.v1.metrics_service_pb2 import ActivityEvent


def came(connection: sa.Connection, robot: Facts, *, now: int) -> None:
    """Tell that a robot is there, unless that was told last."""
    if robot_store.note_told(connection, robot.id, online=True):
        _tell_come(connection, [robot], now)


def went(connection: sa.Connection, robot: Facts, *, now: int) -> None:
    """Tell that a robot is gone, unless that was told last."""
    if robot_store.note_told(connection, robot.id, online=False):
        _tell_gone(connection, [robot], now)


def look(connection: sa.Connection, *, heard_throughout: bool, now: int) -> None:
    """Tell of all robots that have come or gone since anybody looked.

    `heard_throughout`: some server heard robots all the time it takes until a silent one is gone. If not, their silence
    says nothing yet.
    """
    since = lifecycle.silent_since(now)
    _tell_come(connection, robot_store.tell_come(connection, silent_since=since), now)
    _tell_gone(connection, robot_store.tell_gone(connection, silent_since=since if heard_throughout else 0), now)


def anything_to_tell(connection: sa.Connection, *, heard_throughout: bool, now: int) -> bool:
    """Return whether `look` would tell of a robot."""
    since = lifecycle.silent_since(now)
    return robot_store.anybody_to_tell_of(connection, silent_since=since, came_only=not heard_throughout)


def _tell_come(connection: sa.Connection, robots: Iterable[Facts], now: int) -> None:
    for robot in robots:
        _add(connection, robot, ActivityEvent.TYPE_ROBOT_ONLINE, "Robot is online", now)


def _tell_gone(connection: sa.Connection, robots: Iterable[Facts], now: int) -> None:
    for robot in robots:
        _add(connection, robot, ActivityEvent.TYPE_ROBOT_OFFLINE, "Robot is offline", now)


def _add(connection: sa.Connection, robot: Facts, type_: activity_store.Type, title: str, now: int) -> None:
    activity_store.add(
        connection,
        type_,
        now=now,
        tenant=robot.tenant,
        title=title,
        details=f"{robot.id} on {robot.hostname}" if robot.hostname else robot.id,
        robot_id=robot.id,
    )
