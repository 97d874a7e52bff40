"""Three workers against one, with jobs that do nothing: what a job costs each side, and what follows for many cores.

The costs are measured over Postgres and Redis, as seconds of processor time of each process. The ratio is simulated
from them, as three workers and their servers need more cores than most machines of developers have: each server and the
main process of each worker are a core, in which jobs wait for one another; processes of jobs and the database have
cores enough. One server is soon the narrowest place, so the ratio is told for one, and for as many as it takes.
"""

import heapq
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.noop_jobs import BODY
from benchmarks.result import Row
from tests.end_to_end.fleet import API_KEY, Fleet, make_postgres
from tests.end_to_end.system import wait_until

JOBS = 300
WARMING_JOBS = 20
SLOTS = 4
WORKERS, RATIO = 3, 2.7
# Visits of a job to the server: claimed, begun, its log, its end.
VISITS = 4
SIMULATED_JOBS = 20_000


@dataclass(frozen=True)
class Costs:
    """Seconds of processor time that one job takes."""

    server: float
    worker: float
    """In the main process of the worker."""
    job: float
    """In the processes that run it."""
    database: float
    queue: float


def run() -> list[Row]:
    """Measure the costs with one worker, then simulate."""
    costs = measured_costs()
    told = ", ".join(f"{name} {value * 1000:.1f}" for name, value in vars(costs).items())
    enough = next(count for count in range(1, 100) if gain(costs, servers=count)[0] >= RATIO)
    rows = []
    for servers in sorted({1, enough}):
        ratio, one, three = gain(costs, servers=servers)
        what = f"Three workers against one, no-op jobs, over {servers} server{'s' if servers > 1 else ''}"
        found = f"{ratio:.2f} x ({three:,.0f}/s against {one:,.0f}/s, simulated from ms of a core per job: {told})"
        rows.append(Row(what, f">= {RATIO} x", found, ratio >= RATIO))
    return rows


def gain(costs: Costs, *, servers: int) -> tuple[float, float, float]:
    """Return by how much three workers are faster than one, and the jobs per second of one and of three."""
    one, three = (jobs_per_second(costs, workers=count, servers=servers) for count in (1, WORKERS))
    return three / one, one, three


def measured_costs() -> Costs:
    """What a job costs where one worker works off a full queue."""
    with tempfile.TemporaryDirectory() as folder, Fleet(Path(folder) / "fleet", servers=1, gateways=0) as fleet:
        make_postgres(fleet.postgres_dir)
        fleet.launch("postgres", "redis")
        fleet.run_job("server.migrate", "--wait", "30")
        fleet.launch("server-0", "worker-0")
        with httpx.Client(
            base_url=fleet.url_of("server-0"), headers={"X-API-Key": API_KEY}, trust_env=False, timeout=60
        ) as client:
            fill(fleet, client)
            fleet.launch("worker-0")
            # What a start costs is not what a job costs.
            wait_until(
                lambda: waiting(client) <= JOBS - WARMING_JOBS, timeout=60, what=lambda: fleet.output("worker-0")
            )
            before, left = processor_seconds(fleet), waiting(client)
            wait_until(lambda: waiting(client) == 0, timeout=300, what=lambda: fleet.output("worker-0"))
            used = {name: seconds - before[name] for name, seconds in processor_seconds(fleet).items()}
    return Costs(**{name: seconds / left for name, seconds in used.items()})


def fill(fleet: Fleet, client: httpx.Client) -> None:
    """Queue the jobs while there is no worker, which has told before what nodes there are."""
    wait_until(lambda: bool(client.get("/api/v1/node-types").json()), timeout=30, what=lambda: fleet.output("worker-0"))
    fleet.stop("worker-0")
    workflow_id = client.post("/api/v1/workflows", json=BODY).raise_for_status().json()["workflow_id"]
    for _ in range(JOBS - 1):
        client.post(f"/api/v1/workflows/{workflow_id}/run", json={}).raise_for_status()


def waiting(client: httpx.Client) -> int:
    """Jobs that have not ended."""
    time.sleep(0.1)
    server = client.get("/api/server").json()
    return int(server["queued_tasks"]) + int(server["running_tasks"])


def processor_seconds(fleet: Fleet) -> Mapping[str, float]:
    """Seconds of processor time each side has used so far, children that have ended included."""
    roots = {name: psutil.Process(process.pid) for name, process in fleet.processes.items()}
    worker = roots["worker-0"]
    return {
        "server": tree_seconds(roots["server-0"]),
        "worker": own_seconds(worker),
        "job": tree_seconds(worker) - own_seconds(worker),
        "database": tree_seconds(roots["postgres"]),
        "queue": tree_seconds(roots["redis"]),
    }


def own_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def tree_seconds(root: psutil.Process) -> float:
    """Of a process, all below it, and those below them that have ended."""
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def jobs_per_second(costs: Costs, *, workers: int, servers: int) -> float:
    """Simulate workers with full hands: each of their slots takes the next job when it has ended one.

    A job goes `VISITS` times to its worker's main process and to a server, in each of which it waits for its turn,
    and takes the time of the others without waiting.
    """
    server_free, worker_free = [0.0] * servers, [0.0] * workers
    # What happens next: time, a number that keeps the order, worker, visits that are left.
    happenings = [(0.0, slot, slot % workers, VISITS) for slot in range(workers * SLOTS)]
    number, done, now = len(happenings), 0, 0.0
    while done < SIMULATED_JOBS:
        now, _, worker, left = heapq.heappop(happenings)
        worker_free[worker] = at_worker = max(now, worker_free[worker]) + costs.worker / VISITS
        # Calls go to servers in turn.
        server = number % servers
        server_free[server] = at_server = max(at_worker, server_free[server]) + costs.server / VISITS
        after = at_server + (costs.job + costs.database + costs.queue) / VISITS
        done += left == 1
        number += 1
        heapq.heappush(happenings, (after, number, worker, left - 1 or VISITS))
    return done / now
