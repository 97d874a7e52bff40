"""Run the benchmarks and write the table."""

import importlib
import os
import platform
import sys
import time
from pathlib import Path

BENCHMARKS = (
    "get_instance",
    "first_line",
    "browser_overhead",
    "log_ingest",
    "readers",
    "idle",
    "gateway_unary",
    "gateway_list",
    "gateway_routes",
    "gateway_streams",
    "codec",
    "event_writes",
    "telemetry_reads",
    "live_readers",
    "workflow_submits",
    "job_claims",
    "fleet_reads",
    "heartbeats",
    "workflow_engine",
    "noop_jobs",
    "scaling",
    "comfy_sessions",
    "environments",
    "client",
)
RESULTS = Path(__file__).with_name("results.md")


def main() -> int:
    """Print every row as it comes; write the table only when all were run."""
    names = sys.argv[1:] or list(BENCHMARKS)
    lines = []
    for name in names:
        for row in importlib.import_module(f"benchmarks.{name}").run():
            lines.append(row.as_markdown())
            print(lines[-1], flush=True)
    if not sys.argv[1:]:
        RESULTS.write_text(table(lines))
    return 0


def table(lines: list[str]) -> str:
    """The whole file."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    head = "| what | target | found | met |\n| --- | --- | --- | --- |"
    return f"# Benchmarks\n\nOne run of `make bench` on {machine}.\n\n{head}\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
