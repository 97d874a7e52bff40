"""What a running job is given and may ask for: secrets, addresses, other workflows, checkpoints, files."""

import hashlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any, cast

import grpc
import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from google.rpc import error_details_pb2, status_pb2

from server.orchestrator.secrets import secret_store
from server.orchestrator.tables import CHECKPOINT_EXECUTIONS, JOB_CHECKPOINTS
from server.secret_box import SecretBox
from switchyard.orchestrator.v1 import fleet_service_pb2 as fleet_pb
from switchyard.orchestrator.v1 import job_run_service_pb2 as pb
from switchyard.orchestrator.v1 import job_worker_service_pb2 as worker_pb
from switchyard.orchestrator.v1 import robot_service_pb2 as robot_pb
from switchyard.orchestrator.v1 import secret_service_pb2 as secret_pb
from switchyard.orchestrator.v1.job_pb2 import NodeExecution
from switchyard.orchestrator.v1.robot_pb2 import Assignment
from switchyard.tasks.v1.task_pb2 import Artifact
from tests.integration.orchestrator.robots.fleet import Fleet
from tests.integration.orchestrator.serving import Metadata, refused
from tests.integration.tasks.parts import run

VALUE = "the-value-of-a-secret"
LEASE_LOST = "ERROR_REASON_LEASE_LOST"
ADDRESS = "http://169.254.169.254/latest/meta-data"


def workflow(message: str = "{{secrets.mail}}", **settings: Any) -> dict[str, Any]:
    """A workflow of one node."""
    nodes = [{"id": "log", "type": "LogNode", "config": {"message": message}}]
    return {"nodes": nodes, "connections": [], "settings": settings}


async def put_secret(fleet: Fleet, name: str, *, metadata: Metadata | None = None, value: str = VALUE) -> None:
    request = secret_pb.PutSecretRequest(name=name, value=value)
    await fleet.site.stub("orchestrator.SecretService").PutSecret(request, metadata=metadata or fleet.site.admin)


@pytest.fixture
async def job(fleet: Fleet) -> Assignment:
    """A job in the hands of the robot r1, of a workflow that may be resumed."""
    await fleet.store_workflow(workflow(resume=True), workflow_id="w1")
    await put_secret(fleet, "mail")
    await put_secret(fleet, "other")
    await fleet.register()
    await fleet.register("r2")
    await fleet.queue(workflow_id="w1")
    return await fleet.claimed()


def of(job: Assignment, robot_id: str = "r1", token: int = 0) -> dict[str, Any]:
    """Who asks."""
    return {"robot_id": robot_id, "job_id": job.job_id, "fencing_token": token or job.fencing_token}


async def resolve(fleet: Fleet, who: dict[str, Any], url: str = "http://127.0.0.1:1/", **call: Any) -> list[str]:
    request = pb.ResolveJobAddressRequest(**who, url=url)
    answer = await fleet.site.stub("orchestrator.JobRunService").ResolveJobAddress(
        request, **{"metadata": fleet.site.admin} | call
    )
    return list(answer.addresses)


async def subworkflow(fleet: Fleet, who: dict[str, Any], name: str) -> pb.GetSubworkflowResponse:
    request = pb.GetSubworkflowRequest(**who, workflow=name)
    answer: pb.GetSubworkflowResponse = await fleet.site.stub("orchestrator.JobRunService").GetSubworkflow(
        request, metadata=fleet.site.admin
    )
    return answer


async def save(fleet: Fleet, who: dict[str, Any], checkpoint: bytes, *executed: str, before: int = 0) -> None:
    request = pb.SaveCheckpointRequest(
        **who,
        checkpoint=checkpoint,
        executions_before=before,
        node_executions=[NodeExecution(node_id=node_id) for node_id in executed],
    )
    await fleet.site.stub("orchestrator.JobRunService").SaveCheckpoint(request, metadata=fleet.site.admin)


def artifact(data: bytes, name: str = "report.csv", **fields: Any) -> Artifact:
    given: dict[str, Any] = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} | fields
    return Artifact(name=name, content_type="text/csv", **given)


async def upload(
    fleet: Fleet, who: dict[str, Any], described: Artifact, *pieces: bytes, metadata: Metadata | None = None
) -> Artifact:
    async def requests() -> AsyncIterator[pb.UploadJobArtifactRequest]:
        yield pb.UploadJobArtifactRequest(**who, artifact=described)
        for piece in pieces:
            yield pb.UploadJobArtifactRequest(data=piece)

    call = fleet.site.stub("orchestrator.JobRunService").UploadJobArtifact(
        requests(), metadata=metadata or fleet.site.admin
    )
    stored: Artifact = (await call).artifact
    return stored


async def reason(call: Awaitable[object]) -> str:
    """Await a call that has to be refused, and return its reason."""
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    info = error_details_pb2.ErrorInfo()
    for name, value in cast("Any", refusal.value.trailing_metadata() or ()):
        if name == "grpc-status-details-bin" and isinstance(value, bytes):
            assert any(detail.Unpack(info) for detail in status_pb2.Status.FromString(value).details)
    return str(info.reason)


def files_on_disk(fleet: Fleet) -> list[bytes]:
    return [path.read_bytes() for path in sorted((fleet.site.data_dir / "artifacts").glob("*/*"))]


async def checkpoints(fleet: Fleet) -> list[bytes]:
    rows = await fleet.site.database.read(lambda connection: connection.execute(sa.select(JOB_CHECKPOINTS.c.sealed)))
    return [bytes(sealed) for sealed in rows.scalars()]


async def test_a_robot_is_given_the_secrets_its_workflow_names_and_no_others(job: Assignment) -> None:
    assert dict(job.secrets) == {"mail": VALUE}


async def test_a_worker_is_given_them_too(fleet: Fleet) -> None:
    await fleet.store_workflow(workflow("{{secrets.mail}} {{secrets.missing}}"), workflow_id="w1")
    await put_secret(fleet, "mail")
    await fleet.queue(workflow_id="w1")
    lease = await fleet.site.claim("worker-1")

    answer = await fleet.site.stub("orchestrator.JobWorkerService").GetJobGraph(
        worker_pb.GetJobGraphRequest(lease=lease), metadata=fleet.site.worker
    )

    assert dict(answer.secrets) == {"mail": VALUE}
    assert answer.checkpoint == b""


async def test_a_job_is_given_secrets_of_its_own_tenant_only(fleet: Fleet) -> None:
    acme = await fleet.site.bearer("developer", tenant="acme")
    await put_secret(fleet, "mail", value="of nobody")
    await put_secret(fleet, "mail", metadata=tuple(acme.items()), value="of acme")
    await fleet.store_workflow(workflow(), workflow_id="w1", tenant="acme")
    await fleet.store_workflow(workflow(), workflow_id="w2", tenant="other")
    await fleet.register(max_jobs=2)
    await fleet.queue(workflow_id="w1", tenant="acme")
    await fleet.queue(workflow_id="w2", tenant="other")

    given = [dict((await fleet.claimed()).secrets) for _ in range(2)]

    assert given == [{"mail": "of acme"}, {}]


async def test_a_secret_that_cannot_be_decrypted_is_missing_and_the_job_is_given_all_the_same(fleet: Fleet) -> None:
    await fleet.store_workflow(workflow(), workflow_id="w1")
    sealed = SecretBox(Fernet.generate_key()).encrypt(VALUE)
    await fleet.site.database.write(
        lambda connection: secret_store.put(connection, "", "mail", sealed, by="ann", now=1)
    )
    await fleet.register()
    await fleet.queue(workflow_id="w1")

    assert dict((await fleet.claimed()).secrets) == {}


async def test_an_address_is_checked_by_the_rule_for_outgoing_calls(fleet: Fleet, job: Assignment) -> None:
    assert await resolve(fleet, of(job)) == ["127.0.0.1"]
    assert await reason(resolve(fleet, of(job), ADDRESS)) == "ERROR_REASON_ADDRESS_REFUSED"
    assert await reason(resolve(fleet, of(job), "file:///etc/passwd")) == "ERROR_REASON_INVALID_ARGUMENT"


async def test_another_workflow_is_found_by_its_id_and_by_its_name(fleet: Fleet, job: Assignment) -> None:
    await fleet.store_workflow(workflow("{{secrets.other}}"), workflow_id="w2", name="Send it")

    found = [await subworkflow(fleet, of(job), name) for name in ("w2", "Send it")]

    assert [(one.workflow_id, one.version, one.graph.nodes[0].id) for one in found] == [("w2", 1, "log")] * 2
    assert dict(found[0].secrets) == {"other": VALUE}


async def test_a_name_that_several_have_is_refused(fleet: Fleet, job: Assignment) -> None:
    for workflow_id in ("w2", "w3"):
        await fleet.store_workflow(workflow(), workflow_id=workflow_id, name="Send it")

    code, words = await refused(subworkflow(fleet, of(job), "Send it"))

    assert (code, words) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "workflow must be an id: several workflows are called Send it",
    )


@pytest.mark.parametrize("name", ["w2", "Theirs", "nothing", "a\x00b"])
async def test_workflows_of_another_tenant_are_not_there(fleet: Fleet, job: Assignment, name: str) -> None:
    await fleet.store_workflow(workflow(), workflow_id="w2", tenant="acme", name="Theirs")

    code, words = await refused(subworkflow(fleet, of(job), name))

    assert (code, words) == (grpc.StatusCode.NOT_FOUND, f"Workflow not found: {name}")


async def test_a_next_attempt_begins_with_the_last_checkpoint(fleet: Fleet, job: Assignment) -> None:
    await save(fleet, of(job), b"first")
    await save(fleet, of(job), b"second")
    await fleet.release(job)

    again = await fleet.claimed("r2")

    assert (job.checkpoint, again.checkpoint) == (b"", b"second")


async def test_a_next_attempt_is_given_what_was_executed_up_to_the_checkpoint(fleet: Fleet, job: Assignment) -> None:
    await save(fleet, of(job), b"1", "a", "b")
    await save(fleet, of(job), b"2", "c", before=2)
    await save(fleet, of(job), b"3", before=3)
    await fleet.release(job)

    again = await fleet.claimed("r2")

    assert [one.node_id for one in job.node_executions] == []
    assert [one.node_id for one in again.node_executions] == ["a", "b", "c"]


async def test_a_checkpoint_that_is_sent_twice_lists_nothing_twice(fleet: Fleet, job: Assignment) -> None:
    await save(fleet, of(job), b"1", "a")
    for _ in range(2):
        await save(fleet, of(job), b"2", "b", "c", before=1)
    await fleet.release(job)

    assert [one.node_id for one in (await fleet.claimed("r2")).node_executions] == ["a", "b", "c"]


async def test_a_run_that_has_begun_anew_replaces_what_was_executed(fleet: Fleet, job: Assignment) -> None:
    await save(fleet, of(job), b"1", "a", "b")
    await save(fleet, of(job), b"2", "c", before=2)
    await save(fleet, of(job), b"anew", "x")
    await fleet.release(job)

    assert [one.node_id for one in (await fleet.claimed("r2")).node_executions] == ["x"]


async def test_what_was_executed_is_forgotten_with_the_end_of_the_job(fleet: Fleet, job: Assignment) -> None:
    await save(fleet, of(job), b"1", "a")

    await fleet.complete(job)

    counted = sa.select(sa.func.count()).select_from(CHECKPOINT_EXECUTIONS)
    assert await fleet.site.database.read(lambda connection: connection.execute(counted).scalar_one()) == 0


async def test_a_checkpoint_is_stored_encrypted_and_forgotten_with_the_end_of_the_job(
    fleet: Fleet, job: Assignment
) -> None:
    await save(fleet, of(job), b"where the run is, with its variables")
    stored = await checkpoints(fleet)

    await fleet.complete(job)

    assert len(stored) == 1
    assert b"variables" not in stored[0]
    assert await checkpoints(fleet) == []
    assert await reason(save(fleet, of(job), b"late")) == LEASE_LOST
    assert await checkpoints(fleet) == []


async def test_a_workflow_that_does_not_say_resume_stores_no_checkpoint(fleet: Fleet) -> None:
    await fleet.register()
    await fleet.queue()
    job = await fleet.claimed()

    assert await reason(save(fleet, of(job), b"x")) == "ERROR_REASON_RESUME_OFF"


async def test_a_checkpoint_has_at_most_8_mebibytes(fleet: Fleet, job: Assignment) -> None:
    await save(fleet, of(job), bytes(8 << 20))

    assert await reason(save(fleet, of(job), bytes((8 << 20) + 1))) == "ERROR_REASON_INVALID_ARGUMENT"


async def test_a_file_of_a_job_is_listed_and_downloaded(fleet: Fleet, job: Assignment) -> None:
    data = bytes(range(256)) * 5000
    await upload(fleet, of(job), artifact(data), data[:700_000], data[700_000:])
    path = f"/api/v1/jobs/{job.job_id}/artifacts"

    listed = (await fleet.site.http.get(path)).json()["artifacts"]
    downloaded = await fleet.site.http.get(f"{path}/report.csv")

    assert [(one["name"], one["size_bytes"]) for one in listed] == [("report.csv", len(data))]
    assert downloaded.content == data
    assert downloaded.headers["content-type"].startswith("text/csv")
    assert downloaded.headers["content-disposition"] == 'attachment; filename="report.csv"'
    assert downloaded.headers["content-length"] == str(len(data))


async def test_files_of_a_job_are_for_its_tenant_and_at_least_an_operator(fleet: Fleet, job: Assignment) -> None:
    await upload(fleet, of(job), artifact(b"abc"), b"abc")
    path = f"/api/v1/jobs/{job.job_id}/artifacts"

    async with fleet.site.client("operator", tenant="acme") as stranger, fleet.site.client("viewer") as viewer:
        answers = [await client.get(url) for client in (stranger, viewer) for url in (path, f"{path}/report.csv")]
    missing = [await fleet.site.http.get(f"{path}/{name}") for name in ("other.csv", "..%2f..%2fsecret.key")]

    assert [answer.status_code for answer in answers] == [404, 404, 403, 403]
    assert [answer.status_code for answer in missing] == [404, 404]


@pytest.mark.parametrize(
    ("described", "pieces"),
    [
        (artifact(b"abc"), [b"abd"]),
        (artifact(b"abc"), [b"ab"]),
        (artifact(b"abc"), [b"abcd"]),
        (artifact(b"abc", sha256="0" * 64), [b"abc"]),
        (artifact(b"x" * 1_048_577), [b"x" * 1_048_577]),
        *[(artifact(b"abc", name=name), [b"abc"]) for name in ("", "..", "../x", "a/b", "a\\b", ".hidden", "a\x00b")],
    ],
)
async def test_a_file_that_is_not_what_it_says_leaves_nothing(
    fleet: Fleet, job: Assignment, described: Artifact, pieces: list[bytes]
) -> None:
    assert await reason(upload(fleet, of(job), described, *pieces)) == "ERROR_REASON_INVALID_ARGUMENT"
    assert files_on_disk(fleet) == []


async def test_an_upload_that_does_not_begin_with_a_description_is_refused(fleet: Fleet, job: Assignment) -> None:
    runs = fleet.site.stub("orchestrator.JobRunService")
    described = pb.UploadJobArtifactRequest(**of(job), artifact=artifact(b"abc"))
    streams = [[], [pb.UploadJobArtifactRequest(**of(job), data=b"abc")], [described, described]]

    for stream in streams:
        assert await reason(runs.UploadJobArtifact(iter(stream), metadata=fleet.site.admin)) == (
            "ERROR_REASON_INVALID_ARGUMENT"
        )
    assert files_on_disk(fleet) == []


@pytest.mark.parametrize("who", ["another robot", "an older claim", "a claim that was never made", "no such job"])
async def test_nobody_but_the_holder_of_the_job_is_answered(fleet: Fleet, job: Assignment, who: str) -> None:
    if who == "an older claim":
        await fleet.release(job)
        await fleet.claimed()
    asking = {
        "another robot": of(job, "r2"),
        "an older claim": of(job),
        "a claim that was never made": of(job, token=job.fencing_token + 1),
        "no such job": of(job) | {"job_id": "../../x"},
    }[who]

    reasons = [
        await reason(call)
        for call in (
            resolve(fleet, asking),
            subworkflow(fleet, asking, "w1"),
            save(fleet, asking, b"x"),
            upload(fleet, asking, artifact(b"abc"), b"abc"),
        )
    ]

    assert reasons == [LEASE_LOST] * 4
    assert files_on_disk(fleet) == []
    assert await checkpoints(fleet) == []


async def test_a_task_that_is_no_job_is_none_here_either(fleet: Fleet) -> None:
    task = await fleet.site.kernel.create(run())
    row = await fleet.site.kernel.claim(worker_id="w", worker_host="h", kinds=["run_bot"])
    assert row is not None

    who = {"robot_id": "w", "job_id": task.id, "fencing_token": row.fencing_token}
    assert await reason(resolve(fleet, who)) == LEASE_LOST


async def test_a_robot_asks_for_its_own_jobs_only_also_by_a_stream(fleet: Fleet, job: Assignment) -> None:
    token = await _token_of(fleet, "r2")

    answers = [
        await refused(resolve(fleet, of(job), metadata=token)),
        await refused(upload(fleet, of(job), artifact(b"abc"), b"abc", metadata=token)),
    ]

    assert answers == [(grpc.StatusCode.PERMISSION_DENIED, "Insufficient permissions. Robot r2 only")] * 2
    assert files_on_disk(fleet) == []


async def test_an_admin_of_one_tenant_cannot_speak_for_the_robot_that_has_a_job_of_another(
    fleet: Fleet, job: Assignment
) -> None:
    acme = tuple((await fleet.site.bearer("admin", tenant="acme")).items())

    assert await reason(resolve(fleet, of(job), metadata=acme)) == LEASE_LOST


async def test_the_end_of_a_job_ends_the_session_that_its_browser_has_left(fleet: Fleet, job: Assignment) -> None:
    session = f"{job.job_id}-1"
    body = {"session_id": session, "profile_id": "w1", "device": "desktop"}
    assert (await fleet.site.http.post("/api/sessions/register", json=body)).status_code < 300

    await fleet.complete(job)

    ended = (await fleet.site.http.get(f"/api/sessions/{session}")).json()
    assert "the run ended without a word of its browser" in str(ended)


async def test_no_answer_and_no_record_shows_a_secret(fleet: Fleet, job: Assignment) -> None:
    await fleet.complete(job)
    paths = (
        f"/api/v1/metrics/jobs/{job.job_id}",
        f"/api/v1/jobs/{job.job_id}/logs",
        "/api/v1/workflows/w1",
        "/api/v1/audit",
        "/api/v1/metrics/activity",
        "/api/v1/secrets",
    )

    answers = [await fleet.site.http.get(path) for path in paths]

    assert [answer.status_code for answer in answers] == [200] * len(paths)
    assert [path for path, answer in zip(paths, answers, strict=True) if VALUE in answer.text] == []
    assert [
        path for path in fleet.site.data_dir.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()
    ] == []


async def _token_of(fleet: Fleet, robot_id: str) -> Metadata:
    """Return the metadata of a robot with a token of its own."""
    made = await fleet.fleet.CreateEnrolment(fleet_pb.CreateEnrolmentRequest(), metadata=fleet.site.admin)
    await fleet.delete(robot_id)
    answer = await fleet.robots.EnrolRobot(
        robot_pb.EnrolRobotRequest(enrolment_key=made.enrolment_key, robot_id=robot_id)
    )
    return (("x-api-token", answer.robot_token),)
