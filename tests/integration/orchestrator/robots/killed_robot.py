"""A robot process for tests: claims jobs, reports, completes them; every end it was told of stands in its record.

Run as `python -m tests.integration.orchestrator.robots.killed_robot ADDRESS TOKEN ROBOT_ID RECORD`; it ends when it is
killed. A line of the record is the id of a job, its token and what the server said: "completed" or "lost".
"""

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from typing import Any

import grpc

from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1 import robot_service_pb2_grpc
from switchyard.orchestrator.v1.robot_pb2 import Assignment

# A robot that is slow now and then, so that it is killed in the middle of a job, or reports too late.
WORK_SECONDS = (0.0, 0.0, 0.002, 0.01, 0.05)


async def main(address: str, token: str, robot_id: str, record: int) -> None:
    metadata = (("x-api-token", token),)
    async with grpc.aio.insecure_channel(address) as channel:
        robots = robot_service_pb2_grpc.RobotServiceStub(channel)
        await robots.RegisterRobot(
            pb.RegisterRobotRequest(robot_id=robot_id, hostname="soak"), metadata=metadata, wait_for_ready=True
        )
        while True:
            request = pb.ClaimJobRequest(robot_id=robot_id, wait_seconds=5, graph_only=True)
            answer = await robots.ClaimJob(request, metadata=metadata)
            if answer.HasField("assignment"):
                said = await perform(robots, metadata, robot_id, answer.assignment)
                line = f"{answer.assignment.job_id} {answer.assignment.fencing_token} {said}\n"
                os.write(record, line.encode())


async def perform(robots: Any, metadata: Sequence[tuple[str, str]], robot_id: str, job: Assignment) -> str:
    who: dict[str, Any] = {"robot_id": robot_id, "job_id": job.job_id, "fencing_token": job.fencing_token}
    try:
        await robots.ReportJobProgress(pb.ReportJobProgressRequest(**who, fraction=0.5), metadata=metadata)
        await asyncio.sleep(random.choice(WORK_SECONDS))
        await robots.CompleteJob(pb.CompleteJobRequest(**who), metadata=metadata)
    except grpc.aio.AioRpcError as error:
        if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
            raise
        return "lost"
    return "completed"


if __name__ == "__main__":
    _, address, token, robot_id, path = sys.argv
    record = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    asyncio.run(main(address, token, robot_id, record))
