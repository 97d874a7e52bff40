"""How a Task fails when the server refuses a call of its worker."""

import grpc
import pytest

from workers.assignment import error_type
from workers.server_link import Refused


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("ERROR_REASON_INVALID_ARGUMENT", "InvalidArgument"),
        ("ERROR_REASON_NOT_FOUND", "NotFound"),
        ("", "DeadlineExceeded"),  # a refusal without details
    ],
)
def test_a_refusal_becomes_a_short_name(reason: str, name: str) -> None:
    assert error_type(Refused(grpc.StatusCode.DEADLINE_EXCEEDED, reason)) == name
