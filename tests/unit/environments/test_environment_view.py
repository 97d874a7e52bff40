"""Environments as callers see them."""

from typing import Any

import pytest

from server.environments import environment_view
from server.environments.lifecycle import CREATING, DELETING, ERROR, RUNNING, STARTING, STOPPED, Status
from server.tasks import lifecycle as task_lifecycle
from server.tasks.task import TaskRow
from switchyard.environments.v1.environment_pb2 import Environment, Port
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironmentResult
from switchyard.tasks.v1.task_pb2 import Task
from tests.unit.environments import rows
from tests.unit.environments.rows import NOW
from tests.unit.tasks.test_lifecycle import task

IDE_URL = "https://20.185.123.45:8443"
MADE = ProvisionEnvironmentResult(
    resource_id="/subscriptions/1/containerGroups/env-abc123",
    public_ip="20.185.123.45",
    ide_url=IDE_URL,
    storage_name="workspace-env-abc123",
    ports=[Port(name="ide", port=8443, url=IDE_URL), Port(name="ssh", port=2222)],
).SerializeToString()
OF_AZURE = ("aci_container_group_id", "aci_public_ip", "azure_file_share_name")


def shown(work: TaskRow | None = None, **columns: Any) -> Environment:
    return environment_view.environment(rows.environment(**columns), work, now=NOW)


def unset(environment: Environment, *names: str) -> list[str]:
    return [name for name in names if not environment.HasField(name)]  # type: ignore[arg-type]


def test_one_that_runs_at_azure_has_what_azure_made() -> None:
    environment = shown(result=MADE)

    assert environment.aci_container_group_id == "/subscriptions/1/containerGroups/env-abc123"
    assert environment.aci_public_ip == "20.185.123.45"
    assert environment.azure_file_share_name == "workspace-env-abc123"
    assert environment.vs_code_url == IDE_URL
    assert environment.resource_id == environment.aci_container_group_id


@pytest.mark.parametrize("provider", ["aws", "gcp", "local"])
def test_elsewhere_nothing_is_said_in_the_words_of_azure(provider: str) -> None:
    environment = shown(result=MADE, provider=provider)

    assert unset(environment, *OF_AZURE) == list(OF_AZURE)
    assert environment.vs_code_url == IDE_URL


@pytest.mark.parametrize("status", [CREATING, STARTING, STOPPED, ERROR, DELETING])
def test_what_does_not_run_has_no_address(status: Status) -> None:
    environment = shown(result=MADE, status=status)

    assert unset(environment, "vs_code_url", "aci_public_ip") == ["vs_code_url", "aci_public_ip"]
    assert environment.azure_file_share_name


def test_what_was_not_given_or_made_is_left_out() -> None:
    optional = [field.name for field in Environment.DESCRIPTOR.fields if field.has_presence]

    there = set(optional) - set(unset(shown(status=CREATING), *optional))

    assert there == {"created_at", "updated_at", "last_accessed_at", "task_id"}


def test_an_error_is_told_while_it_stands() -> None:
    assert shown(status=ERROR, error="The quota does not allow it").error == "The quota does not allow it"
    assert unset(shown(status=DELETING, error="The quota does not allow it"), "error") == ["error"]


def test_the_step_of_the_provider_is_told_while_it_is_at_work() -> None:
    running = task(Task.STATE_RUNNING)
    progress = task_lifecycle.Progress(0.5, "creating the file share")
    reported = task_lifecycle.advance(running, progress, now=NOW)

    step = shown(reported, status=CREATING).step

    assert (step.name, step.fraction, step.begin_time.ToMicroseconds()) == ("creating the file share", 0.5, NOW)


@pytest.mark.parametrize("state", [Task.STATE_SUCCEEDED, Task.STATE_FAILED, Task.STATE_CANCELLED])
def test_there_is_no_step_once_the_work_has_ended(state: Task.State.ValueType) -> None:
    assert unset(shown(task(state), status=CREATING), "step") == ["step"]


def test_there_is_no_step_of_what_nobody_works_on() -> None:
    assert unset(shown(task(Task.STATE_RUNNING), status=RUNNING), "step") == ["step"]


def test_one_is_kept_awake_until_a_time_and_no_longer() -> None:
    later = shown(keep_awake_until=NOW + 1, keep_awake_reason="a demonstration")
    over = shown(keep_awake_until=NOW, keep_awake_reason="a demonstration")

    assert (later.keep_awake_until.ToMicroseconds(), later.keep_awake_reason) == (NOW + 1, "a demonstration")
    assert unset(over, "keep_awake_until", "keep_awake_reason") == ["keep_awake_until", "keep_awake_reason"]


def test_ports_have_addresses_while_it_runs() -> None:
    running, stopped = rows.environment(result=MADE), rows.environment(result=MADE, status=STOPPED)

    assert [(port.name, port.url) for port in environment_view.ports(running)] == [("ide", IDE_URL), ("ssh", "")]
    assert [(port.name, port.HasField("url")) for port in environment_view.ports(stopped)] == [
        ("ide", False),
        ("ssh", False),
    ]
    assert list(environment_view.ports(rows.environment(status=CREATING))) == []
