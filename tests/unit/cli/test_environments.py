"""What the words of `switchyard env` mean: secrets from a file, and how an environment is shown."""

from pathlib import Path
from typing import Any

import pytest

from server.cli.environments.changes import state_text
from server.cli.environments.environments import SECRETS, awake_text, stops_text, to_secrets
from server.cli.environments.facts import dollars
from server.cli.environments.stores import read_template
from server.cli.failures import CommandFailed, ExitCode
from server.cli.plain import to_plain
from switchyard.environments.v1.activity_service_pb2 import ActivitySnapshot
from switchyard.environments.v1.environment_pb2 import Environment

DOCUMENTED = {
    "githubToken",
    "gitUserName",
    "gitUserEmail",
    "sshPublicKey",
    "codeServerPassword",
    "anthropicApiKey",
    "openaiApiKey",
    "geminiApiKey",
}


def test_the_eight_documented_secrets_are_known_by_three_names_each() -> None:
    assert set(SECRETS) >= DOCUMENTED
    assert set(SECRETS.values()) == {SECRETS[name] for name in DOCUMENTED}
    assert SECRETS["GITHUB_TOKEN"] == SECRETS["github_token"] == SECRETS["githubToken"] == "github_token"


@pytest.mark.parametrize("told", [{"githubtoken": "ghp_x"}, {"githubToken": 5}, {"githubToken": None}])
def test_a_file_with_anything_else_is_refused_without_its_values(told: dict[str, Any]) -> None:
    with pytest.raises(CommandFailed, match=next(iter(told))) as refusal:
        to_secrets(told)

    assert refusal.value.exit_code is ExitCode.USAGE
    assert "ghp_x" not in str(refusal.value)


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        (
            Environment(status=Environment.STATUS_CREATING, step=Environment.Step(name="making the folder")),
            "CREATING, making the folder",
        ),
        (Environment(status=Environment.STATUS_CREATING), "CREATING"),
        # The last step of work that is over says nothing any more.
        (Environment(status=Environment.STATUS_STOPPED, step=Environment.Step(name="x")), "STOPPED"),
        (Environment(status=Environment.STATUS_ERROR, error="No room"), "ERROR: No room"),
        (
            Environment(status=Environment.STATUS_RUNNING, vs_code_url="http://127.0.0.1:1/lab"),
            "RUNNING at http://127.0.0.1:1/lab",
        ),
    ],
)
def test_it_is_shown_where_an_environment_stands(environment: Environment, text: str) -> None:
    assert state_text(environment) == text


def test_it_is_shown_when_an_environment_stops_by_itself() -> None:
    assert stops_text(Environment()) == "only when told to"
    assert stops_text(Environment(auto_stop_minutes=30, max_run_minutes=90)) == (
        "after 30 minutes without activity; 90 minutes after a start in any case"
    )
    assert awake_text(Environment()) == ""
    assert awake_text(Environment(keep_awake_task_id="t", keep_awake_reason="tests")) == "until task t ends: tests"


@pytest.mark.parametrize(("amount", "text"), [(0.0, "$0.00"), (0.04456, "$0.0446"), (1.0, "$1.00"), (84.666, "$84.67")])
def test_small_amounts_keep_their_digits(amount: float, text: str) -> None:
    assert dollars(amount) == text


def test_json_has_the_names_of_the_http_api() -> None:
    assert {"memoryGB", "vsCodeUrl", "aciPublicIp", "lastAccessedAt"} <= set(to_plain(Environment()))
    assert set(to_plain(ActivitySnapshot())) == {
        "lastIDEActivity",
        "lastSSHActivity",
        "activeIDEConnections",
        "activeSSHConnections",
    }


def test_a_template_is_read_by_the_names_of_the_http_api(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("templateId: node\ncpuCores: 1\nports: [{name: app, port: 3000}]\n")

    template = read_template(tmp_path / "template.yaml")

    assert (template.template_id, template.cpu_cores, template.ports[0].port) == ("node", 1, 3000)


def test_a_template_with_a_name_that_none_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("templateId: node\ncores: 1\n")

    with pytest.raises(CommandFailed, match="cores") as refusal:
        read_template(tmp_path / "template.yaml")

    assert refusal.value.exit_code is ExitCode.USAGE
