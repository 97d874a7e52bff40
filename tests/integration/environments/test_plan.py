"""What a worker is told of an environment that it is to make, and nobody else is."""

from typing import Any

import grpc

from switchyard.environments.v1 import provisioning_service_pb2 as pb
from switchyard.environments.v1.environment_pb2 import Port
from switchyard.tasks.v1.worker_service_pb2 import LeaseKey
from tests.integration.environments.comparison import compare, there
from tests.integration.environments.serving import Worker, create
from tests.integration.orchestrator.serving import Site, refused

SECRETS: dict[str, Any] = {
    "githubToken": "ghp_x",
    "gitUserName": "John Doe",
    "gitUserEmail": "john@example.com",
    "codeServerPassword": "secure-password-123",
    "anthropicApiKey": "sk-ant-xxx",
    "openaiApiKey": "sk-proj-xxx",
    "geminiApiKey": "AIza",
}


def plan(site: Site, lease: LeaseKey, metadata: Any = None) -> Any:
    request = pb.GetEnvironmentPlanRequest(lease=lease)
    stub = site.stub("environments.ProvisioningService")
    return stub.GetEnvironmentPlan(request, metadata=metadata or site.worker)


async def test_a_worker_gets_what_was_asked_for_with_its_secrets(site: Site, worker: Worker) -> None:
    template = {
        "templateId": "web",
        "image": "node:22",
        "startupScript": "npm ci",
        "ports": [{"name": "app", "port": 3000}],
    }
    answer = await site.http.post("/api/v1/environment-templates", json={"template": template})
    assert answer.status_code == 201, answer.text
    made = await create(site.http, templateId="web", userId="user-123", **SECRETS)

    given = await plan(site, (await worker.take()).lease)

    assert given.secrets.pop("ENVIRONMENT_TOKEN")
    assert sorted(given.secrets.values()) == sorted(SECRETS.values())
    assert given.secrets["CODE_SERVER_PASSWORD"] == "secure-password-123"
    given.ClearField("secrets")
    assert given == pb.GetEnvironmentPlanResponse(
        environment_id=made["id"],
        user_id="user-123",
        name="my-dev-environment",
        region="eastus",
        image="node:22",
        cpu_cores=2,
        memory_gb=4,
        storage_gb=20,
        ports=[Port(name="app", port=3000)],
        startup_script="npm ci",
        variables={
            "ENVIRONMENT_ID": made["id"],
            "ENVIRONMENT_NAME": "my-dev-environment",
            "USER_ID": "user-123",
            "AGENT_URL": "http://127.0.0.1:8080",
        },
    )


async def test_without_the_lease_of_a_worker_nobody_is_told(site: Site, worker: Worker) -> None:
    await create(site.http, **SECRETS)
    lease = (await worker.take()).lease
    stale = LeaseKey(task_id=lease.task_id, fencing_token=lease.fencing_token + 1)
    developer = tuple((await site.bearer("developer")).items())
    await site.http.post("/api/v1/environments:reconcile", json={})
    comparison = (await worker.take("compare_environments")).lease

    assert (await refused(plan(site, stale)))[0] is grpc.StatusCode.FAILED_PRECONDITION
    assert (await refused(plan(site, comparison)))[0] is grpc.StatusCode.FAILED_PRECONDITION
    assert (await refused(plan(site, lease, developer)))[0] is grpc.StatusCode.PERMISSION_DENIED
    assert (await refused(plan(site, lease, site.admin)))[0] is grpc.StatusCode.PERMISSION_DENIED


async def test_of_what_belongs_to_no_environment_nothing_is_told(site: Site, worker: Worker) -> None:
    await compare(site, worker, there("env-lost"))
    await site.http.delete("/api/v1/environment-orphans/local/env-lost")

    code, sentence = await refused(plan(site, (await worker.take()).lease))

    assert (code, sentence) == (grpc.StatusCode.NOT_FOUND, "environment with ID 'env-lost' not found")
