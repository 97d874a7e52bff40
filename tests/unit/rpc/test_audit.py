"""What of a call gets into the audit log, read from the contract."""

import pytest

from server.rpc.audit import audited_of
from switchyard.auth.v1 import api_token_service_pb2, auth_service_pb2, user_service_pb2
from switchyard.bots.v1 import bot_instance_service_pb2
from switchyard.orchestrator.v1 import robot_service_pb2, workflow_service_pb2
from switchyard.tasks.v1 import worker_service_pb2

MODULES = (
    api_token_service_pb2,
    auth_service_pb2,
    bot_instance_service_pb2,
    robot_service_pb2,
    user_service_pb2,
    worker_service_pb2,
    workflow_service_pb2,
)
METHODS = {
    f"{service.name}/{method.name}": method
    for module in MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@pytest.mark.parametrize(
    ("name", "noted"),
    [
        ("UserService/CreateUser", True),
        ("AuthService/Login", True),
        ("WorkflowService/UploadWorkflow", True),
        ("WorkflowService/TriggerWebhook", True),
        # Enrolment is for anyone who has a key, and makes a credential.
        ("RobotService/EnrolRobot", True),
        # Reads, by rule or by name.
        ("UserService/ListUsers", False),
        ("AuthService/GetMe", False),
        # Machines.
        ("WorkerService/FinishTask", False),
        ("RobotService/Heartbeat", False),
        ("RobotService/WatchAssignments", False),
    ],
)
def test_changes_by_people_and_programs_are_noted(name: str, noted: bool) -> None:
    assert audited_of(METHODS[name]).noted is noted


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        # What the path of a neighbour names is an id here too.
        ("UserService/CreateUser", [("username",)]),
        ("UserService/DeleteUser", [("username",)]),
        ("ApiTokenService/RevokeApiToken", [("token_id",)]),
        ("ApiTokenService/CreateApiToken", []),
        # The key of a hook is a secret, though it stands in a path.
        ("WorkflowService/TriggerWebhook", []),
        # Of a stream the first request tells.
        ("BotInstanceService/PutMedia", [("id",), ("name",)]),
    ],
)
def test_ids_are_what_paths_name_but_for_secrets(name: str, ids: list[tuple[str, ...]]) -> None:
    assert list(audited_of(METHODS[name]).ids) == ids


def test_an_action_is_named_without_what_all_have_in_common() -> None:
    assert audited_of(METHODS["UserService/CreateUser"]).action == "auth.v1.UserService/CreateUser"
