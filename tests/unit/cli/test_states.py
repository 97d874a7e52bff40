"""How tasks, tokens, proxies and entries of the audit log are said to stand."""

import pytest

from server.cli.accounts.audit import outcome_text
from server.cli.accounts.tokens import end_text
from server.cli.plain import local_time
from server.cli.tasks import state_text
from server.cli.telemetry.proxies import enabled_text, leases_text
from switchyard.auth.v1.api_token_service_pb2 import ApiToken
from switchyard.auth.v1.audit_service_pb2 import AuditEntry
from switchyard.tasks.v1.task_pb2 import Failure, Progress, Task
from switchyard.telemetry.v1.proxy_pb2 import Proxy


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (Task(state=Task.STATE_QUEUED), "queued"),
        # The attempt before failed, and another one waits.
        (
            Task(state=Task.STATE_QUEUED, error=Failure(type="Timeout", message="too long")),
            "queued: Timeout: too long",
        ),
        (Task(state=Task.STATE_RUNNING, attempt=2, max_attempts=3), "running, attempt 2 of 3"),
        (
            Task(state=Task.STATE_RUNNING, attempt=1, max_attempts=1, progress=Progress(message="copying")),
            "running, attempt 1 of 1: copying",
        ),
        (Task(state=Task.STATE_FAILED, error=Failure(type="Timeout", message="too long")), "failed: Timeout: too long"),
        (Task(state=Task.STATE_SUCCEEDED), "succeeded"),
    ],
)
def test_a_task_says_where_it_stands(task: Task, text: str) -> None:
    assert state_text(task) == text


def test_a_token_ends_at_an_instant_or_never() -> None:
    token = ApiToken()
    assert end_text(token) == "never"

    token.expires_at.FromSeconds(1_700_000_000)
    assert end_text(token) == local_time(token.expires_at)


def test_a_denial_has_a_reason_and_several_are_counted() -> None:
    denied = AuditEntry(outcome=AuditEntry.OUTCOME_DENIED, reason="Authentication required", count=3)

    assert outcome_text(AuditEntry(outcome=AuditEntry.OUTCOME_DONE, count=1)) == "done"
    assert outcome_text(denied) == "denied: Authentication required (3 times)"


def test_a_proxy_may_be_used_or_not_or_not_yet() -> None:
    resting = Proxy(enabled=True)
    resting.disabled_until.FromSeconds(1_700_000_000)

    assert [enabled_text(Proxy(enabled=True)), enabled_text(Proxy())] == ["yes", "no"]
    assert enabled_text(resting) == f"not before {local_time(resting.disabled_until)}, because of failures"


def test_the_leases_of_a_proxy_are_shown_with_their_limit() -> None:
    assert leases_text(Proxy(active_leases=2)) == "2"
    assert leases_text(Proxy(active_leases=2, max_leases=5)) == "2 of 5"
