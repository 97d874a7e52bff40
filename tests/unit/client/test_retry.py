"""When a failed call is made again, and when a broken stream is opened again: the decisions, without a connection."""

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from switchyard_client import Retry, errors
from switchyard_client.attempts import RENEW, Attempts, Reconnection

Code = grpc.StatusCode


class Clock:
    """A clock that a test sets, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def failed(code: Code, reason: str = "") -> grpc.aio.AioRpcError:
    """Return what a stub raises."""
    status = status_pb2.Status(code=code.value[0])
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="switchyard"))
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString())) if reason else None
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers or grpc.aio.Metadata(), "no", "")


def attempts(clock: Clock, *, repeatable: bool = True, renewable: bool = False, deadline: float = 30.0) -> Attempts:
    return Attempts(
        Retry(attempts=3, first_seconds=1, ceiling_seconds=8),
        repeatable=repeatable,
        renewable=renewable,
        deadline=deadline,
        clock=clock,
        chance=lambda: 1.0,
    )


def reconnection(clock: Clock, *, repeatable: bool = True, resumable: bool = True) -> Reconnection:
    return Reconnection(
        Retry(attempts=2, first_seconds=1, ceiling_seconds=4, reconnect_seconds=60),
        repeatable=repeatable,
        resumable=resumable,
        clock=clock,
        chance=lambda: 1.0,
    )


def test_each_wait_is_twice_the_one_before_up_to_the_ceiling() -> None:
    retry = Retry(first_seconds=1, ceiling_seconds=5)

    assert [retry.backoff(attempt, 1.0) for attempt in (1, 2, 3, 4, 1000)] == [1, 2, 4, 5, 5]


def test_chance_spreads_a_wait_over_its_second_half() -> None:
    retry = Retry(first_seconds=1)

    assert [retry.backoff(1, jitter) for jitter in (0.0, 0.5, 1.0)] == [0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"attempts": 101}, {"first_seconds": -1.0}, {"ceiling_seconds": -1.0}]
)
def test_a_policy_out_of_bounds_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Retry(**wrong)  # type: ignore[arg-type]


def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    course = attempts(Clock())

    assert [course.after(failed(Code.UNAVAILABLE)) for _ in range(2)] == [1, 2]
    with pytest.raises(errors.Unavailable):
        course.after(failed(Code.UNAVAILABLE))


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    clock = Clock()
    course = attempts(clock, deadline=30.0)
    clock.now = 29.0

    with pytest.raises(errors.Unavailable):
        course.after(failed(Code.UNAVAILABLE))


def test_the_next_attempt_gets_what_is_left_of_the_deadline() -> None:
    clock = Clock()
    course = attempts(clock, deadline=30.0)
    clock.now = 12.0

    assert course.left() == 18.0
    assert attempts(clock, deadline=float("inf")).left() is None
    clock.now = 30.0
    with pytest.raises(errors.DeadlineExceeded):
        course.left()


@pytest.mark.parametrize(
    "code",
    [
        Code.INTERNAL,  # a fault stays one
        Code.DEADLINE_EXCEEDED,  # nothing is left of the time
        Code.ABORTED,  # a key that was used with another request
        Code.RESOURCE_EXHAUSTED,  # too large, unless a time to come back is told
    ],
)
def test_what_another_attempt_would_not_change_is_raised_at_once(code: Code) -> None:
    with pytest.raises(errors.SwitchyardError):
        attempts(Clock()).after(failed(code))


def test_an_expired_token_is_renewed_once_for_any_call() -> None:
    course = attempts(Clock(), repeatable=False, renewable=True)
    expired = failed(Code.UNAUTHENTICATED, "ERROR_REASON_CREDENTIAL_EXPIRED")

    assert course.after(expired) == RENEW
    with pytest.raises(errors.CredentialExpired):
        course.after(expired)


def test_an_expired_token_that_cannot_be_renewed_is_raised() -> None:
    with pytest.raises(errors.CredentialExpired):
        attempts(Clock()).after(failed(Code.UNAUTHENTICATED, "ERROR_REASON_CREDENTIAL_EXPIRED"))


def test_a_stream_that_never_stood_is_tried_as_often_as_a_call() -> None:
    course = reconnection(Clock())

    assert course.after(failed(Code.UNAVAILABLE), renewable=False) == 1
    with pytest.raises(errors.Unavailable):
        course.after(failed(Code.UNAVAILABLE), renewable=False)


def test_a_stream_that_does_something_is_not_opened_twice() -> None:
    with pytest.raises(errors.Unavailable):
        reconnection(Clock(), repeatable=False).after(failed(Code.UNAVAILABLE), renewable=False)


def test_a_stream_that_stood_is_waited_for_as_long_as_was_agreed() -> None:
    clock = Clock()
    course = reconnection(clock)
    course.received()

    assert [course.after(failed(Code.UNAVAILABLE), renewable=False) for _ in range(5)] == [1, 2, 4, 4, 4]
    clock.now = 60.5
    with pytest.raises(errors.Unavailable):
        course.after(failed(Code.UNAVAILABLE), renewable=False)


def test_a_message_makes_the_wait_begin_anew() -> None:
    clock = Clock()
    course = reconnection(clock)
    course.received()
    course.after(failed(Code.UNAVAILABLE), renewable=False)
    clock.now = 100.0
    course.received()

    assert course.after(failed(Code.UNAVAILABLE), renewable=False) == 1


@pytest.mark.parametrize(
    ("failure", "comes_back"),
    [
        (failed(Code.UNAVAILABLE), True),
        (failed(Code.UNAVAILABLE, "ERROR_REASON_UNAVAILABLE"), True),
        (failed(Code.RESOURCE_EXHAUSTED, "ERROR_REASON_READER_TOO_SLOW"), True),
        (failed(Code.INTERNAL), True),  # a proxy has reset it
        (failed(Code.INTERNAL, "ERROR_REASON_INTERNAL"), False),  # the server itself is at fault
        (failed(Code.NOT_FOUND, "ERROR_REASON_NOT_FOUND"), False),  # deleted meanwhile
    ],
)
def test_a_stream_comes_back_after_what_passes(failure: grpc.aio.AioRpcError, comes_back: bool) -> None:
    course = reconnection(Clock())
    course.received()

    if comes_back:
        assert course.after(failure, renewable=False) == 1
    else:
        with pytest.raises(errors.SwitchyardError):
            course.after(failure, renewable=False)


def test_a_stream_that_would_lose_something_is_not_opened_again() -> None:
    course = reconnection(Clock(), resumable=False)
    course.received()

    with pytest.raises(errors.Unavailable):
        course.after(failed(Code.UNAVAILABLE), renewable=False)
