"""Jobs through the hands of robots over gRPC: how many, and how soon one that waits gets the next job."""

import asyncio
import tempfile
import time
from pathlib import Path

import grpc
import httpx
import uvloop

from benchmarks.orchestrator import SETTINGS, WORKER, headers, publish_node_types
from benchmarks.result import Row, percentile
from benchmarks.workflow_submits import WORKFLOW
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1 import robot_service_pb2_grpc
from tests.end_to_end.system import System

ROBOTS, JOBS, PER_SECOND = 20, 6_000, 600
PICKED_UP, PICK_UP_MS = 200, 15.0


def run() -> list[Row]:
    """A full queue first, then an empty one with one job at a time."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), SETTINGS) as system:
        system.start_server()
        publish_node_types(system, ["StartNode", "SetVariableNode", "LogNode", "EndNode"])
        rate, delays = uvloop.run(measured(system, headers(system)))
    delay = percentile(delays, 0.5) * 1000
    return [
        Row("Jobs claimed and completed over gRPC, 20 robots", ">= 600/s", f"{rate:,.0f}/s", rate >= PER_SECOND),
        Row("From submit answered to claimed by a waiting robot, median", "<= 15 ms",
            f"{delay:.1f} ms", delay <= PICK_UP_MS),
    ]  # fmt: skip


async def measured(system: System, sent: dict[str, str]) -> tuple[float, list[float]]:
    """Jobs per second, and the seconds from submit to claim."""
    async with (
        httpx.AsyncClient(base_url=system.url, headers=sent, trust_env=False, timeout=60) as client,
        grpc.aio.insecure_channel(f"127.0.0.1:{system.grpc_port}") as channel,
    ):
        stub = robot_service_pb2_grpc.RobotServiceStub(channel)
        for number in range(ROBOTS):
            await stub.RegisterRobot(pb.RegisterRobotRequest(robot_id=f"r{number}"), metadata=WORKER)
        workflow_id = await submitted(client)
        await fill(client, workflow_id)
        started = time.perf_counter()
        done = sum(await asyncio.gather(*(work_off(stub, f"r{number}") for number in range(ROBOTS))))
        rate = done / (time.perf_counter() - started)
        return rate, [await picked_up(client, stub, workflow_id) for _ in range(PICKED_UP)]


async def submitted(client: httpx.AsyncClient) -> str:
    """Submit the workflow and return its id."""
    answer = await client.post("/api/v1/workflows", json=WORKFLOW)
    return str(answer.raise_for_status().json()["workflow_id"])


async def fill(client: httpx.AsyncClient, workflow_id: str) -> None:
    """Queue the jobs, some at a time."""
    for _ in range(0, JOBS, 50):
        await asyncio.gather(*(client.post(f"/api/v1/workflows/{workflow_id}/run", json={}) for _ in range(50)))


async def work_off(stub: "robot_service_pb2_grpc.RobotServiceAsyncStub", robot_id: str) -> int:
    """Claim and complete until nothing waits; return how many."""
    done = 0
    while (assignment := await claimed(stub, robot_id, wait_seconds=0)) is not None:
        await complete(stub, robot_id, assignment)
        done += 1
    return done


async def picked_up(
    client: httpx.AsyncClient, stub: "robot_service_pb2_grpc.RobotServiceAsyncStub", workflow_id: str
) -> float:
    """Seconds from sending a job until a robot that waits has it."""
    waiting = asyncio.create_task(claimed(stub, "r0", wait_seconds=30))
    await asyncio.sleep(0.01)
    started = time.perf_counter()
    asyncio.get_running_loop().create_task(client.post(f"/api/v1/workflows/{workflow_id}/run", json={}))
    assignment = await waiting
    took = time.perf_counter() - started
    await complete(stub, "r0", assignment)
    return took


async def claimed(
    stub: "robot_service_pb2_grpc.RobotServiceAsyncStub", robot_id: str, *, wait_seconds: int
) -> pb.ClaimJobResponse | None:
    """Return the answer to a claim; None when there is nothing."""
    answer = await stub.ClaimJob(pb.ClaimJobRequest(robot_id=robot_id, wait_seconds=wait_seconds), metadata=WORKER)
    return answer if answer.HasField("assignment") else None


async def complete(
    stub: "robot_service_pb2_grpc.RobotServiceAsyncStub", robot_id: str, answer: pb.ClaimJobResponse | None
) -> None:
    """Report success."""
    if answer is None:
        raise AssertionError("a job was queued and nobody got it")
    job = answer.assignment
    request = pb.CompleteJobRequest(robot_id=robot_id, job_id=job.job_id, fencing_token=job.fencing_token)
    await stub.CompleteJob(request, metadata=WORKER)
