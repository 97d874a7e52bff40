"""Decisions as the contract shows them. Pure."""

from server.clock import to_timestamp
from server.environments.decisions.decision_store import DecisionRow
from switchyard.environments.v1.activity_service_pb2 import Decision


def decision(row: DecisionRow) -> Decision:
    """Return `row` as a message."""
    return Decision(
        number=row.number,
        kind=row.kind,
        action=row.action,
        reason=row.reason,
        inputs=row.inputs,
        decide_time=to_timestamp(row.decide_time),
        task_id=row.task_id,
    )
