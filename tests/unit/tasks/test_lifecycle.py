"""Which state may follow which, and what changes with it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from server.clock import SECOND, to_timestamp
from server.errors import InvalidArgument, LeaseLost, TaskFinal
from server.tasks import lifecycle
from server.tasks.lifecycle import Cancelled, Failed, Succeeded
from server.tasks.task import FINAL, LEASED, TaskRow
from switchyard.tasks.v1.task_pb2 import CancelReceipt, Task

NOON = 1_700_000_000 * SECOND
TOKEN = 7
STATES = [state for state in Task.State.values() if state != Task.STATE_UNSPECIFIED]
RECEIPT = CancelReceipt(signals=[CancelReceipt.Signal(name="SIGTERM")], exit_code=-15).SerializeToString()


def task(state: Task.State.ValueType = Task.STATE_RUNNING, **changes: object) -> TaskRow:
    leased = state in LEASED
    row = TaskRow(
        number=1,
        id="t1",
        kind="run_bot",
        subject="bot_instances/1",
        tenant="user-1",
        priority=10,
        state=state,
        attempt=1,
        max_attempts=1,
        not_before=None,
        attempt_timeout_seconds=3600,
        worker_id="w1" if leased else "",
        worker_host="host1",
        lease_expire_time=NOON + 30 * SECOND if leased else None,
        fencing_token=TOKEN,
        finish_token=0,
        finish_state=Task.STATE_UNSPECIFIED,
        progress_fraction=None,
        progress_message="",
        progress_time=None,
        error_type="",
        error_message="",
        receipt=None,
        exit_code=None,
        cost_credits=None,
        create_time=NOON,
        start_time=NOON if leased else None,
        end_time=NOON if state in FINAL else None,
        cancel_time=None,
        cancel_reason="",
        concurrency_key="",
        concurrency_limit=0,
        log_line_count=12,
        log_offset=0,
        prune_time=None,
        title="",
        last_worker_id="w1" if leased else "",
        summed=0,
        payload=b"",
        result=None,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def claim(row: TaskRow, now: int = NOON) -> TaskRow:
    return lifecycle.claim(row, worker_id="w2", worker_host="host2", lease_seconds=30, now=now)


def finish(row: TaskRow, outcome: lifecycle.Outcome, token: int = TOKEN) -> TaskRow:
    return lifecycle.finish(row, token, outcome, exit_code=None, progress=None, now=NOON)


Verb = Callable[[TaskRow], TaskRow]

VERBS: dict[str, Verb] = {
    "claim": claim,
    "renew": lambda row: lifecycle.renew(row, TOKEN, lease_seconds=30, now=NOON),
    "cancel": lambda row: lifecycle.cancel(row, reason="", now=NOON),
    "succeed": lambda row: finish(row, Succeeded()),
    "fail": lambda row: finish(row, Failed("StepFailed", "no")),
    "fail, try again": lambda row: finish(row, Failed("StepFailed", "no", retryable=True)),
    "end cancelled": lambda row: finish(row, Cancelled(RECEIPT)),
    "release": lambda row: lifecycle.release(row, TOKEN, now=NOON),
    "give up": lambda row: lifecycle.give_up(row, error_type="Lost", error_message="nobody is left", now=NOON),
}

Q, R, C = Task.STATE_QUEUED, Task.STATE_RUNNING, Task.STATE_CANCELLING
S, F, X = Task.STATE_SUCCEEDED, Task.STATE_FAILED, Task.STATE_CANCELLED

# Rows: the verb. Columns: the state it meets, a second attempt being left. An error where it is refused.
TABLE: dict[str, dict[Task.State.ValueType, Task.State.ValueType | type[Exception]]] = {
    "claim": {Q: R, R: AssertionError, C: AssertionError, S: AssertionError, F: AssertionError, X: AssertionError},
    "renew": {Q: LeaseLost, R: R, C: C, S: LeaseLost, F: LeaseLost, X: LeaseLost},
    "cancel": {Q: X, R: C, C: C, S: TaskFinal, F: TaskFinal, X: X},
    "succeed": {Q: LeaseLost, R: S, C: S, S: LeaseLost, F: LeaseLost, X: LeaseLost},
    "fail": {Q: LeaseLost, R: F, C: F, S: LeaseLost, F: LeaseLost, X: LeaseLost},
    # What was asked to stop is not tried again.
    "fail, try again": {Q: LeaseLost, R: Q, C: F, S: LeaseLost, F: LeaseLost, X: LeaseLost},
    "end cancelled": {Q: LeaseLost, R: InvalidArgument, C: X, S: LeaseLost, F: LeaseLost, X: LeaseLost},
    "release": {Q: LeaseLost, R: Q, C: X, S: LeaseLost, F: LeaseLost, X: LeaseLost},
    "give up": {Q: F, R: AssertionError, C: AssertionError, S: AssertionError, F: AssertionError, X: AssertionError},
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_in_each_state(verb: str, state: Task.State.ValueType) -> None:
    row = task(state, max_attempts=2)
    expected = TABLE[verb][state]

    if isinstance(expected, type):
        with pytest.raises(expected):
            VERBS[verb](row)
    else:
        assert VERBS[verb](row).state == expected


def test_the_table_knows_every_state() -> None:
    assert set(lifecycle.NEXT) | FINAL == set(STATES)
    assert not set(lifecycle.NEXT) & FINAL


@pytest.mark.parametrize("token", [TOKEN - 1, TOKEN + 1])
@pytest.mark.parametrize("verb", ["renew", "succeed", "fail", "end cancelled", "release"])
def test_a_report_with_another_token_is_refused(verb: str, token: int) -> None:
    with pytest.raises(LeaseLost):
        VERBS[verb](task(C, fencing_token=token))


@pytest.mark.parametrize("state", FINAL)
def test_a_final_task_has_no_lease_and_an_end(state: Task.State.ValueType) -> None:
    outcomes: dict[Task.State.ValueType, lifecycle.Outcome] = {
        S: Succeeded(),
        F: Failed("X", "x"),
        X: Cancelled(RECEIPT),
    }

    ended = finish(task(C), outcomes[state])

    assert (ended.state, ended.end_time, ended.lease_expire_time, ended.worker_id) == (state, NOON, None, "")


def test_a_claim_leases_under_a_greater_token() -> None:
    claimed = claim(task(Q))

    assert claimed.fencing_token == TOKEN + 1
    assert claimed.lease_expire_time == NOON + 30 * SECOND
    assert (claimed.worker_id, claimed.worker_host, claimed.start_time) == ("w2", "host2", NOON)


def test_a_claim_forgets_what_the_attempt_before_left() -> None:
    waiting = finish(task(R, max_attempts=2), Failed("StepFailed", "no", retryable=True, result=b"r"))

    claimed = claim(waiting)

    assert (claimed.error_type, claimed.error_message, claimed.result, claimed.not_before) == ("", "", None, None)


def test_log_numbers_of_a_claim_begin_behind_the_lines_that_are_there() -> None:
    assert claim(task(Q, log_line_count=12)).log_offset == 12


def test_a_finish_repeated_with_the_same_token_changes_nothing() -> None:
    once = finish(task(R), Succeeded(b"result"))

    assert finish(once, Failed("Late", "x")) == once
    assert once.finish_state == S


def test_a_finish_repeated_after_the_next_claim_gives_the_same_answer() -> None:
    again = claim(finish(task(R, max_attempts=2), Failed("StepFailed", "no", retryable=True)))

    assert finish(again, Succeeded()) == again
    assert again.finish_state == Q


def test_a_lost_worker_cannot_finish_what_was_taken_from_it() -> None:
    with pytest.raises(LeaseLost):
        finish(lifecycle.expire(task(R), now=NOON), Succeeded())


def test_a_retry_waits_and_counts() -> None:
    waiting = finish(task(R, attempt=2, max_attempts=3), Failed("StepFailed", "no", retryable=True))

    assert (waiting.state, waiting.attempt, waiting.start_time) == (Q, 3, None)
    assert waiting.not_before == NOON + 10 * SECOND
    assert (waiting.error_type, waiting.error_message) == ("StepFailed", "no")


def test_a_worker_may_say_how_long_a_retry_waits() -> None:
    outcome = Failed("StepFailed", "no", retryable=True, retry_delay_seconds=0.5)

    assert finish(task(R, max_attempts=2), outcome).not_before == NOON + SECOND // 2


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (100, 300)])
def test_the_delay_doubles_up_to_five_minutes(attempt: int, seconds: float) -> None:
    assert lifecycle.retry_delay_seconds(attempt) == seconds


def test_without_attempts_left_a_failure_is_final() -> None:
    failed = finish(task(R, attempt=3, max_attempts=3), Failed("StepFailed", "no", retryable=True))

    assert (failed.state, failed.attempt) == (F, 3)


def test_a_release_does_not_count_the_attempt() -> None:
    released = lifecycle.release(task(R), TOKEN, now=NOON)

    assert (released.attempt, released.worker_id, released.lease_expire_time) == (1, "", None)
    assert claim(released, now=NOON + SECOND).start_time == NOON


def test_an_expired_lease_is_tried_again_while_attempts_are_left() -> None:
    waiting = lifecycle.expire(task(R, max_attempts=2), now=NOON)

    assert (waiting.state, waiting.attempt, waiting.error_type) == (Q, 2, "WorkerLost")
    assert waiting.not_before == NOON + 5 * SECOND


def test_an_expired_lease_without_attempts_left_is_a_lost_worker() -> None:
    failed = lifecycle.expire(task(R), now=NOON)

    assert (failed.state, failed.error_type) == (F, "WorkerLost")
    assert failed.error_message == "the worker on host1 was lost"


def test_an_expired_lease_while_cancelling_is_cancelled_without_proof() -> None:
    cancelled = lifecycle.expire(task(C, max_attempts=5), now=NOON)

    assert (cancelled.state, cancelled.receipt) == (X, None)


def test_a_task_cancelled_in_the_queue_never_had_a_process() -> None:
    cancelled = lifecycle.cancel(task(Q), reason="enough", now=NOON)

    assert cancelled.receipt is not None
    assert CancelReceipt.FromString(cancelled.receipt) == CancelReceipt(confirm_time=to_timestamp(NOON))
    assert (cancelled.cancel_time, cancelled.cancel_reason, cancelled.end_time) == (NOON, "enough", NOON)


def test_a_task_cancelled_while_it_waits_for_a_retry_keeps_no_failure() -> None:
    waiting = task(Q, attempt=2, error_type="WorkerLost", error_message="gone")

    cancelled = lifecycle.cancel(waiting, reason="", now=NOON)

    assert (cancelled.state, cancelled.error_type, cancelled.error_message) == (X, "", "")


def test_a_task_that_is_given_up_says_why_and_never_ran() -> None:
    lost = lifecycle.give_up(task(Q), error_type="Lost", error_message="nobody is left", now=NOON)

    assert (lost.error_type, lost.error_message, lost.start_time, lost.end_time) == (
        "Lost",
        "nobody is left",
        None,
        NOON,
    )


def test_the_first_request_to_cancel_counts() -> None:
    asked = lifecycle.cancel(task(R), reason="first", now=NOON)

    assert lifecycle.cancel(asked, reason="second", now=NOON + SECOND) == asked
