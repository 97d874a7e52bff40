"""What is asked for badly is refused with 400 and one sentence that names the field, as the API spells it."""

from typing import Any

import grpc
import pytest

from switchyard.environments.v1.environment_service_pb2 import CreateEnvironmentRequest, UpdateEnvironmentRequest
from tests.integration.environments.serving import BODY, PATH, Worker
from tests.integration.orchestrator.serving import Site, refused

# Source: the tables "Request Fields" and "Resource Limits" of the API's description. None leaves a key out.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"cpuCores": 0}, "cpuCores must be between 1 and 4"),
    ({"cpuCores": 5}, "cpuCores must be between 1 and 4"),
    ({"cpuCores": -1}, "cpuCores must be between 1 and 4"),
    ({"cpuCores": 2.5}, "cpuCores must be an integer"),
    ({"cpuCores": "2"}, "cpuCores must be an integer"),
    ({"cpuCores": True}, "cpuCores must be an integer"),
    ({"cpuCores": None}, "cpuCores must be given"),
    ({"memoryGB": 0}, "memoryGB must be between 1 and 16"),
    ({"memoryGB": 17}, "memoryGB must be between 1 and 16"),
    ({"memoryGB": None}, "memoryGB must be given"),
    ({"storageGB": 9}, "storageGB must be between 10 and 100"),
    ({"storageGB": 101}, "storageGB must be between 10 and 100"),
    ({"storageGB": None}, "storageGB must be given"),
    ({"name": None}, "name must be given"),
    ({"name": ""}, "name must be given"),
    ({"name": "   "}, "name must not be blank"),
    ({"name": "n" * 300}, "name must be at most 128 characters long"),
    ({"name": 5}, "name must be a string"),
    ({"cloudProvider": None}, "cloudProvider must be one of AZURE, AWS, GCP"),
    ({"cloudProvider": "azure"}, "cloudProvider must be one of AZURE, AWS, GCP"),
    ({"cloudProvider": 1}, "cloudProvider must be one of AZURE, AWS, GCP"),
    ({"cloudProvider": "CLOUD_PROVIDER_AZURE"}, "cloudProvider must be one of AZURE, AWS, GCP"),
    ({"cloudProvider": "DIGITALOCEAN"}, "cloudProvider must be one of AZURE, AWS, GCP"),
    ({"cloudProvider": ""}, "cloudProvider must be one of AZURE, AWS, GCP"),
    ({"cloudProvider": "AZURE "}, "cloudProvider must be one of AZURE, AWS, GCP"),
    ({"cloudRegion": None}, "cloudRegion must be given"),
    ({"cloudRegion": "atlantis"}, "cloudRegion must be a region of AZURE, and 'atlantis' is none"),
    ({"cloudProvider": "AWS"}, "cloudRegion must be a region of AWS, and 'eastus' is none"),
    ({"sshPublicKey": "hello"}, "sshPublicKey must be one public key, as in 'ssh-ed25519 AAAA... name'"),
    ({"githubToken": "a\nb"}, "githubToken must not hold control characters"),
    ({"autoStopMinutes": -1}, "autoStopMinutes must be between 0 and 10,080"),
    ({"maxRunMinutes": 43_201}, "maxRunMinutes must be between 0 and 43,200"),
    ({"userId": "u" * 129}, "userId must be at most 128 characters long"),
]
# Comments, as in the example of the description, are no JSON (RFC 8259, section 2).
COMMENTED = b'{\n  "userId": "user-123",\n  // Optional: Dynamic per-workspace configuration\n  "githubToken": "x"\n}'
BROKEN = [COMMENTED, b"", b"[]", b'"x"', b"null", b'{"name": "\xff"}', b'{"name": "a"', b'{"name": "a", "name": "b"}']
BAD_PAGES = {
    "page=0": "page must be at least 1",
    "page=-1": "page must be at least 1",
    "page=abc": "page must be an integer",
    "pageSize=0": "pageSize must be at least 1",
    "pageSize=2.5": "pageSize must be an integer",
    "status=BROKEN": "status must be one of CREATING, STARTING, RUNNING, STOPPING, STOPPED, ERROR, DELETING",
}


async def test_each_field_that_is_wrong_is_refused_in_a_sentence(site: Site) -> None:
    told = {}
    for change, _ in REFUSED:
        body = {name: value for name, value in (BODY | change).items() if value is not None}
        told[str(change)] = (await site.http.post(PATH, json=body)).json()

    assert told == {
        str(change): {"error": "Invalid request", "message": sentence, "code": "INVALID_REQUEST"}
        for change, sentence in REFUSED
    }
    assert (await site.http.get(PATH)).json()["total"] == 0


async def test_a_body_that_is_no_object_is_refused(site: Site) -> None:
    answers = [
        await site.http.post(PATH, content=body, headers={"content-type": "application/json"}) for body in BROKEN
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(400, "INVALID_REQUEST")] * len(
        BROKEN
    )


async def test_the_documented_example_without_its_comments_is_taken(site: Site) -> None:
    body = BODY | {
        "userId": "user-123",
        "githubToken": "ghp_xxxxxxxxxxxx",
        "gitUserName": "John Doe",
        "gitUserEmail": "john@example.com",
        "sshPublicKey": "ssh-rsa AAAAB3...",
        "codeServerPassword": "secure-password-123",
        "anthropicApiKey": "sk-ant-xxx",
        "openaiApiKey": "sk-proj-xxx",
        "geminiApiKey": "AIza...",
        # Source: the decisions on all APIs: unknown fields are ignored.
        "favouriteColour": "blue",
    }

    answer = await site.http.post(PATH, json=body)

    assert (answer.status_code, answer.json()["environment"]["userId"]) == (201, "user-123")
    assert "generatedPassword" not in answer.json()


async def test_lists_and_changes_are_held_to_their_bounds(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    lists = {query: (await site.http.get(f"{PATH}?{query}")).json()["message"] for query in BAD_PAGES}
    assert lists == BAD_PAGES
    for change in ({"name": ""}, {"name": " "}, {"autoStopMinutes": 10_081}, {"maxRunMinutes": -1}, {"name": 1}):
        answer = await site.http.patch(f"{PATH}/{environment_id}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST"), change


async def test_methods_and_sizes_are_refused_in_the_shape_of_the_api(site: Site) -> None:
    method = await site.http.put(PATH, json={})
    large = await site.http.post(PATH, content=b" " * (11 * 1024 * 1024), headers={"content-type": "application/json"})

    assert (method.status_code, method.json()["code"]) == (405, "INVALID_REQUEST")
    assert method.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (large.status_code, large.json()["code"]) == (413, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("method", "request_", "sentence"),
    [
        ("CreateEnvironment", CreateEnvironmentRequest(name="a"), "cloudProvider must be one of AZURE, AWS, GCP"),
        (
            "CreateEnvironment",
            CreateEnvironmentRequest(name="a", cloud_provider=9),  # type: ignore[arg-type]
            "cloudProvider must be one of AZURE, AWS, GCP",
        ),
        ("CreateEnvironment", CreateEnvironmentRequest(name="a", cpu_cores=5), "cpuCores must be between 1 and 4"),
        ("UpdateEnvironment", UpdateEnvironmentRequest(id="env-1", name=" "), "name must not be blank"),
    ],
)
async def test_the_same_is_refused_over_grpc(site: Site, method: str, request_: Any, sentence: str) -> None:
    stub = site.stub("environments.EnvironmentService")

    assert await refused(getattr(stub, method)(request_, metadata=site.admin)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        sentence,
    )
