"""What an idle system costs: server, worker and queue together."""

import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.result import Row
from tests.end_to_end.system import System

SECONDS = 20.0
MEGABYTES, CORE_PERCENT = 250.0, 2.0


def run() -> list[Row]:
    """Memory is the proportional set size, so that pages shared by forked processes count once."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.start()
        instance = system.create_instance()
        system.wait_for(instance, system.start_run(instance))
        time.sleep(5)
        processes = everything(system)
        before = sum(cpu_seconds(p) for p in processes)
        time.sleep(SECONDS)
        percent = (sum(cpu_seconds(p) for p in processes) - before) / SECONDS * 100
        megabytes = sum(p.memory_full_info().pss for p in processes) / 1e6
    return [
        Row("Idle memory of server, worker and queue", "< 250 MB", f"{megabytes:.0f} MB", megabytes < MEGABYTES),
        Row("Idle CPU of server, worker and queue", "< 2 % of a core", f"{percent:.1f} %", percent < CORE_PERCENT),
    ]


def everything(system: System) -> list[psutil.Process]:
    """The processes of the system and all below them."""
    roots = [psutil.Process(process.pid) for process in system.processes.values()]
    queue = [p for p in psutil.process_iter(["cmdline"]) if str(system.queue_dir) in " ".join(p.info["cmdline"] or [])]
    found = {p.pid: p for root in [*roots, *queue] for p in [root, *root.children(recursive=True)]}
    return list(found.values())


def cpu_seconds(process: psutil.Process) -> float:
    """Seconds of CPU a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)
