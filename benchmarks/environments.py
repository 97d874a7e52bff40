"""Environments: what a call costs while a cloud takes minutes, lists and comparisons of many, and a real one here."""

import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import httpx
from google.protobuf.any_pb2 import Any as AnyMessage

from benchmarks.idle import cpu_seconds, everything
from benchmarks.load import measure
from benchmarks.result import Row, percentile
from switchyard.environments.v1 import provisioning_service_pb2 as pb
from switchyard.environments.v1 import provisioning_service_pb2_grpc
from switchyard.environments.v1.environment_pb2 import Environment
from switchyard.tasks.v1 import worker_service_pb2, worker_service_pb2_grpc
from tests.end_to_end.system import System, wait_until

WORKER_TOKEN: Final = "w" * 40
SETTINGS: Final = {
    "WORKER_TOKEN": WORKER_TOKEN,
    "ENVIRONMENT_QUOTA_ENVIRONMENTS": "1000000",
    "ENVIRONMENT_RECONCILE_SECONDS": "86400",
    "ACCESS_LOG": "false",
}
TOKEN: Final = (("x-api-token", WORKER_TOKEN),)
PATH: Final = "/api/v1/environments"
BODY: Final = {
    "name": "My Dev Environment",
    "cloudProvider": "AZURE",
    "cloudRegion": "eastus",
    "cpuCores": 2,
    "memoryGB": 4,
    "storageGB": 20,
    "baseImage": "mcr.microsoft.com/devcontainers/base:ubuntu",
    # Nobody is to stop those that are stored here as if they ran.
    "autoStopMinutes": 0,
}

CREATE_ROUNDS, CREATES, CREATE_MS = 5, 200, 50.0
MANY, LIST_ROUNDS, LIST_SECONDS, LIST_MS = 10_000, 8, 0.5, 10.0
COMPARED, PAGE, COMPARE_ROUNDS, COMPARE_SECONDS = 1_000, 100, 3, 2.0
USABLE_ROUNDS, USABLE_SECONDS = 3, 8.0


def run() -> list[Row]:
    """Everything but the last row without a worker: nobody provisions anything, as at a cloud that takes its time."""
    return [create_row(), *list_rows(), compare_row(), usable_row()]


@contextmanager
def serving(settings: dict[str, str]) -> Iterator[System]:
    """A server with a queue, and no worker."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), settings) as system:
        system.start_queue()
        system.start_server()
        yield system


def create_row() -> Row:
    """The best of some rounds counts, as the machine only ever adds to it."""
    with serving(SETTINGS) as system:
        create(system)
        found = min(percentile([create(system) for _ in range(CREATES)], 0.99) for _ in range(CREATE_ROUNDS))
    what = "Environment created, 99th percentile of the answer"
    return Row(what, "<= 50 ms", f"{found * 1000:.1f} ms of {CREATES} calls", found * 1000 <= CREATE_MS)


def create(system: System) -> float:
    """Seconds until one is answered."""
    began = time.perf_counter()
    answer = system.client.post(PATH, json=BODY)
    seconds = time.perf_counter() - began
    assert answer.status_code == 201, answer.text
    return seconds


def list_rows() -> list[Row]:
    """The newest page, one in the middle, and those of one status, each as large as a page can be."""
    with serving(SETTINGS) as system:
        fill(system, MANY)
        paths = ("?page=1&pageSize=100", "?page=50&pageSize=100", "?pageSize=100&status=RUNNING")
        return [list_row(system, query) for query in paths]


def list_row(system: System, query: str) -> Row:
    """A row about one page; the best of some rounds counts."""
    rates = [measure(system.http_port, PATH + query, connections=1, seconds=LIST_SECONDS) for _ in range(LIST_ROUNDS)]
    took = 1000 / max(rate.per_second for rate in rates)
    return Row(f"GET {PATH}{query} of {MANY:,}", "<= 10 ms", f"{took:.1f} ms", took <= LIST_MS)


def fill(system: System, count: int) -> list[str]:
    """Store `count` environments that run, as copies of one that was created; return their ids."""
    create(system)
    system.stop("server")
    ids = [f"env-{number:012d}" for number in range(count)]
    with closing(sqlite3.connect(system.data_dir / "switchyard.db")) as database:
        names = [column[1] for column in database.execute("PRAGMA table_info(environments)")]
        others = ", ".join(name for name in names if name not in {"number", "id", "status", "task_id", "token_digest"})
        # An hour old: a comparison leaves alone what has just changed.
        others_then = re.sub(r"\b(create|update|access)_time\b", r"\1_time - 3600000000", others)
        database.executemany(
            f"INSERT INTO environments (id, token_digest, status, task_id, {others}) "
            f"SELECT ?1, ?1, {Environment.STATUS_RUNNING}, '', {others_then} FROM environments WHERE number = 1",
            [(each,) for each in ids],
        )
        database.execute("DELETE FROM environments WHERE number = 1")
        database.commit()
    system.start_server()
    return ids


def compare_row() -> Row:
    """What a worker finds is reported by pages as a provider lists it; one in ten has stopped there by itself."""
    with serving(SETTINGS) as system, grpc.insecure_channel(f"127.0.0.1:{system.grpc_port}") as channel:
        ids = fill(system, COMPARED)
        rounds = [compare(system, channel, ids, number) for number in range(COMPARE_ROUNDS)]
    seconds, processor = (min(values) for values in zip(*rounds, strict=True))
    found = f"{seconds:.2f} s, {processor:.2f} s of processor time, {COMPARED // PAGE} pages of {PAGE}"
    what = f"Comparison of {COMPARED:,} environments with what a provider reports"
    return Row(what, "<= 2 s", found, max(seconds, processor) <= COMPARE_SECONDS)


def compare(system: System, channel: grpc.Channel, ids: list[str], number: int) -> tuple[float, float]:
    """Seconds from the first page to the end of a comparison, and seconds of the server's processor time.

    What had stopped in the comparison before is still stopped, as stored and as found.
    """
    before = compared_at(system)
    key = admin(system)
    assert system.client.post(f"{PATH}:reconcile", json={}, headers=key).status_code == 200
    lease = claim(channel)
    server = everything(system)
    used, began = sum(map(cpu_seconds, server)), time.perf_counter()
    stub = provisioning_service_pb2_grpc.ProvisioningServiceStub(channel)
    for first in range(0, len(ids), PAGE):
        found = [found_environment(each, stopped=int(each[-1]) <= number) for each in ids[first : first + PAGE]]
        stub.ReportFound(pb.ReportFoundRequest(lease=lease, first=first == 0, found=found), metadata=TOKEN)
    finish = worker_service_pb2.FinishTaskRequest(lease=lease)
    finish.success.result.CopyFrom(AnyMessage())
    worker_service_pb2_grpc.WorkerServiceStub(channel).FinishTask(finish, metadata=TOKEN)
    wait_until(lambda: compared_at(system) != before, timeout=30, what=lambda: "the comparison does not end")
    took = time.perf_counter() - began, sum(map(cpu_seconds, server)) - used
    assert corrected(system) == len(ids) // 10, comparison(system)
    return took


def found_environment(environment_id: str, *, stopped: bool) -> pb.FoundEnvironment:
    """What a provider reports of one."""
    standing = pb.FoundEnvironment.STANDING_STOPPED if stopped else pb.FoundEnvironment.STANDING_RUNNING
    return pb.FoundEnvironment(environment_id=environment_id, standing=standing)


def claim(channel: grpc.Channel) -> worker_service_pb2.LeaseKey:
    """Take the Task that compares."""
    stub = worker_service_pb2_grpc.WorkerServiceStub(channel)
    request = worker_service_pb2.ClaimTaskRequest(worker_id="bench", kinds=["compare_environments"])
    tasks: list[Any] = []

    def claimed() -> bool:
        answer = stub.ClaimTask(request, metadata=TOKEN)
        if answer.HasField("task"):
            tasks.append(answer.task)
        return bool(tasks)

    wait_until(claimed, timeout=30, what=lambda: "there is nothing to compare")
    return worker_service_pb2.LeaseKey(task_id=tasks[0].id, fencing_token=tasks[0].lease.fencing_token)


def compared_at(system: System) -> str | None:
    """When the last comparison ended well."""
    found: str | None = comparison(system).get("compareTime")
    return found


def corrected(system: System) -> int:
    """Differences that the last comparison has mended."""
    return int(comparison(system)["corrected"])


def comparison(system: System) -> dict[str, Any]:
    """The last comparison."""
    answer = system.client.get(f"{PATH}:reconciliation", headers=admin(system))
    (found,) = answer.raise_for_status().json()["comparisons"]
    return dict(found)


def admin(system: System) -> dict[str, str]:
    """What an admin sends."""
    text = (system.data_dir / "credentials.env").read_text()
    key = re.search(r'^API_KEY="?([^"\n]+)', text, re.MULTILINE)
    assert key is not None
    return {"x-api-key": key[1]}


def usable_row() -> Row:
    """A whole system: from the call to an editor that answers. It is deleted each time."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), SETTINGS) as system:
        system.start()
        found = min(usable(system) for _ in range(USABLE_ROUNDS))
    what = "Local environment, from the call to an editor that answers"
    return Row(what, "<= 8 s", f"{found:.1f} s", found <= USABLE_SECONDS)


def usable(system: System) -> float:
    """Seconds until the address of its editor answers."""
    began = time.perf_counter()
    answer = system.client.post(PATH, json=BODY).raise_for_status().json()
    path = f"{PATH}/{answer['environment']['id']}"

    def environment() -> dict[str, Any]:
        shown: dict[str, Any] = system.client.get(path).raise_for_status().json()["environment"]
        return shown

    wait_until(lambda: environment()["status"] == "RUNNING", timeout=60, what=lambda: f"{environment()}")
    opened = httpx.get(environment()["vsCodeUrl"], follow_redirects=True, trust_env=False)
    seconds = time.perf_counter() - began
    assert opened.status_code == 200, opened.text
    system.client.delete(path)
    return seconds
