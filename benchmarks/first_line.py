"""POST start to the first log line at a reader of the SSE stream, for `noop`."""

import tempfile
import time
from pathlib import Path

from benchmarks.result import Row, percentile
from tests.end_to_end.system import System

RUNS = 100
MEDIAN_MS, P99_MS = 60.0, 150.0


def run() -> list[Row]:
    """Start runs one after another, each with a reader that is connected before."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.start()
        times = [first_line_ms(system) for _ in range(RUNS + 5)][5:]
    median, p99 = percentile(times, 0.5), percentile(times, 0.99)
    return [
        Row("POST start to first log line, median", "<= 60 ms", f"{median:.0f} ms", median <= MEDIAN_MS),
        Row("POST start to first log line, p99", "<= 150 ms", f"{p99:.0f} ms", p99 <= P99_MS),
    ]


def first_line_ms(system: System) -> float:
    """Milliseconds from the request to the first event that is a line of the log."""
    instance = system.create_instance()
    started = 0.0
    for event in system.events(instance):
        if event.data.startswith("Status: "):
            started = time.perf_counter()
            run = system.start_run(instance)
        elif event.id:
            found = (time.perf_counter() - started) * 1000
            break
    system.wait_for(instance, run)
    return found
