"""A file with a million jobs of ninety days, as the server would have written it."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from google.protobuf.any_pb2 import Any

from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow
from switchyard.tasks.v1.task_pb2 import Task

DAYS: Final = 90
# One job in twenty has failed, by five kinds of errors; twenty robots have run fifty workflows in up to 90 s each.
JOBS: Final = f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO tasks (number, id, kind, subject, tenant, priority, state, attempt, max_attempts, attempt_timeout_seconds,
  worker_id, worker_host, fencing_token, finish_token, finish_state, progress_message, error_type, error_message,
  create_time, start_time, end_time, cancel_reason, concurrency_key, concurrency_limit, log_line_count, log_offset,
  title, last_worker_id, payload)
SELECT i, printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i), 'run_workflow',
  'workflows/w-' || (i % 50),
  '', 10, CASE WHEN i % 20 THEN {Task.STATE_SUCCEEDED} ELSE {Task.STATE_FAILED} END, 1, 4, 3600, '', 'host', 1, 1,
  CASE WHEN i % 20 THEN {Task.STATE_SUCCEEDED} ELSE {Task.STATE_FAILED} END, '',
  CASE WHEN i % 20 THEN '' ELSE 'Error' || (i / 20 % 5) END, '',
  :begin + i * :step, :begin + i * :step + 5000, :begin + i * :step + 5000 + (i * 7919 % 90000) * 1000, '', '', 0, 0, 0,
  'Workflow ' || (i % 50), 'robot-' || (i % 20), :payload FROM n"""


def fill(path: Path, jobs: int) -> None:
    """Fill the empty schema at `path`, whose server is stopped. The newest job ended a minute ago."""
    payload = Any()
    payload.Pack(RunWorkflow(workflow_id="w-1", workflow_name="Workflow", version=1))
    span = DAYS * 86_400 * 1_000_000
    begin = time.time_ns() // 1000 - span - 150_000_000
    given = {"count": jobs, "begin": begin, "step": span // jobs, "payload": payload.SerializeToString()}
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # Lost is what a crash loses; the file is filled again then.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN")
        database.execute(JOBS, given)
        database.execute("COMMIT")


def unsummed(path: Path) -> int:
    """Jobs that are not part of the sums yet."""
    with closing(sqlite3.connect(path, timeout=60)) as database:
        query = """SELECT count(*) FROM tasks WHERE kind IN ('run_workflow', 'run_workflow_internet')
            AND end_time IS NOT NULL AND summed = 0"""
        return int(database.execute(query).fetchone()[0])
