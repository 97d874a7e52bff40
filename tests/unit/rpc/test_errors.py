"""How refusals cross the wire."""

from typing import Any

import grpc
import pytest
import sqlalchemy as sa
from google.rpc import error_details_pb2, status_pb2

from server.errors import InvalidArgument, NotFound, TooManyAttempts, Violation
from server.rpc import errors


def unpack(details: bytes, kind: type[Any]) -> list[Any]:
    found = []
    for detail in status_pb2.Status.FromString(details).details:
        message = kind()
        if detail.Unpack(message):
            found.append(message)
    return found


def test_a_refusal_carries_its_reason_and_what_it_mentions() -> None:
    wire = errors.of_refusal(NotFound("Bot instance not found: b1", id="b1"))

    [info] = unpack(wire.details, error_details_pb2.ErrorInfo)
    assert (wire.code, wire.message) == (grpc.StatusCode.NOT_FOUND, "Bot instance not found: b1")
    assert (info.reason, info.domain, dict(info.metadata)) == ("ERROR_REASON_NOT_FOUND", "switchyard", {"id": "b1"})


def test_fields_to_blame_are_named_with_a_sentence_each() -> None:
    wire = errors.of_refusal(InvalidArgument.field("page", "must be at least 1"))

    [bad] = unpack(wire.details, error_details_pb2.BadRequest)
    assert [(one.field, one.description) for one in bad.field_violations] == [("page", "page must be at least 1")]


def test_seconds_to_wait_are_told_in_the_standard_detail_too() -> None:
    wire = errors.of_refusal(TooManyAttempts("Too many", retry_after="17"))

    [retry] = unpack(wire.details, error_details_pb2.RetryInfo)
    assert retry.retry_delay.seconds == 17


@pytest.mark.parametrize("count", [1, 100, 5000])
def test_details_stay_small_enough_for_metadata(count: int) -> None:
    blame = [Violation(f"lines[{n}].message", "must be " + "long " * 100) for n in range(count)]

    wire = errors.of_refusal(InvalidArgument("x" * 100_000, violations=blame))

    assert len(wire.details) + len(wire.message) < 8_000
    assert unpack(wire.details, error_details_pb2.BadRequest)


def test_a_fault_tells_only_its_request_id() -> None:
    wire = errors.of_fault("r-1")

    assert (wire.code, wire.message) == (grpc.StatusCode.INTERNAL, "internal error; request id r-1")


class OfPostgres(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionRefusedError(), grpc.StatusCode.UNAVAILABLE),
        (sa.exc.TimeoutError("no connection came free"), grpc.StatusCode.UNAVAILABLE),
        # Source: PostgreSQL, appendix A.
        (sa.exc.DBAPIError("SELECT 1", None, OfPostgres("08006")), grpc.StatusCode.UNAVAILABLE),
        (sa.exc.DBAPIError("SELECT 1", None, OfPostgres("57P01")), grpc.StatusCode.UNAVAILABLE),
        (sa.exc.DBAPIError("SELECT 1", None, OfPostgres(""), connection_invalidated=True), grpc.StatusCode.UNAVAILABLE),
        (sa.exc.DBAPIError("SELECT 1", None, OfPostgres("42601")), grpc.StatusCode.INTERNAL),
        (PermissionError(), grpc.StatusCode.INTERNAL),
    ],
)
def test_a_database_that_is_away_is_no_fault_of_ours(error: Exception, code: grpc.StatusCode) -> None:
    assert errors.code_of(error, None) is code
