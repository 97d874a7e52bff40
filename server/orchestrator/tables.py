"""The tables of this package. Times are micros."""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA, NUMBER

# Conditions of partial indexes. Queries repeat them word for word, or the index is not used.
WORKFLOW_THERE: Final = sa.text("delete_time IS NULL")
WORKFLOW_DELETED: Final = sa.text("delete_time IS NOT NULL")
HAS_WEBHOOK: Final = sa.text("webhook_hash IS NOT NULL")

# The columns stand in the order of `WorkflowRow`.
WORKFLOWS: Final = sa.Table(
    "workflows",
    METADATA,
    # Order of creation.
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False),
    # Empty for one of no tenant.
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    # The name as it is searched.
    sa.Column("folded_name", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    # The newest one.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("trigger_type", sa.Integer, nullable=False),
    sa.Column("execution_mode", sa.Integer, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    # Of the newest version, as is `node_count`.
    sa.Column("timeout_seconds", sa.Integer, nullable=False),
    sa.Column("node_count", sa.Integer, nullable=False),
    # JSON text, empty when none was sent.
    sa.Column("metadata", sa.Text, nullable=False),
    # SHA-256 of the secret part of the path, in hexadecimal digits; NULL when there is no such path.
    sa.Column("webhook_hash", sa.Text),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("update_time", sa.BigInteger, nullable=False),
    sa.Column("delete_time", sa.BigInteger),
    sa.UniqueConstraint("id"),
    sa.Index("ix_workflows_tenant", "tenant", "number", sqlite_where=WORKFLOW_THERE, postgresql_where=WORKFLOW_THERE),
    sa.Index("ix_workflows_name", "tenant", "name", sqlite_where=WORKFLOW_THERE, postgresql_where=WORKFLOW_THERE),
    sa.Index("ix_workflows_deleted", "number", sqlite_where=WORKFLOW_DELETED, postgresql_where=WORKFLOW_DELETED),
    sa.Index("ix_workflows_webhook", "webhook_hash", sqlite_where=HAS_WEBHOOK, postgresql_where=HAS_WEBHOOK),
    sqlite_autoincrement=True,
)

# What is large stands last, so that the rest is read without it. The columns stand in the order of `VersionRow`.
WORKFLOW_VERSIONS: Final = sa.Table(
    "workflow_versions",
    METADATA,
    sa.Column("workflow_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("node_count", sa.Integer, nullable=False),
    # Of `workflow_json` in UTF-8, as is `sha256`.
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    # As it was sent, without the white space between its tokens.
    sa.Column("workflow_json", sa.Text, nullable=False),
    # Serialized `switchyard.orchestrator.v1.Graph`.
    sa.Column("graph", sa.LargeBinary, nullable=False),
)

# What the newest worker of each version has told: a serialized `PublishNodeTypesRequest`.
NODE_TYPES: Final = sa.Table(
    "node_types",
    METADATA,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("published", sa.LargeBinary, nullable=False),
    sa.Column("publish_time", sa.BigInteger, nullable=False),
)

# What jobs that have ended amount to, beside the rows they were summed from. `scope` is "" for all jobs and a tenant
# for those of that tenant; `span` is an hour, a day or seven days, in seconds, and `start` says which one, counted
# from 1970-01-01, UTC. Durations are whole milliseconds, and of completed jobs only.
JOB_SUMS: Final = sa.Table(
    "job_sums",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("span", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("completed", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("cancelled", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
JOB_WORKFLOWS: Final = sa.Table(
    "job_workflows",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("span", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("workflow_id", sa.Text, primary_key=True),
    sa.Column("completed", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
JOB_ROBOTS: Final = sa.Table(
    "job_robots",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("span", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("robot_id", sa.Text, primary_key=True),
    sa.Column("completed", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
JOB_ERRORS: Final = sa.Table(
    "job_errors",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("span", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("error_type", sa.Text, primary_key=True),
    sa.Column("jobs", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
# Completed jobs by the range their duration is in, and by the duration itself: the first says which range a percentile
# lies in, the second where in it.
JOB_DURATION_RANGES: Final = sa.Table(
    "job_duration_ranges",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("span", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("range", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("jobs", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
JOB_DURATIONS: Final = sa.Table(
    "job_durations",
    METADATA,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("span", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("range", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("duration_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("jobs", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What has happened, for people. `type` is a number of the contract's enum.
ACTIVITY: Final = sa.Table(
    "activity",
    METADATA,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("type", sa.Integer, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("robot_id", sa.Text),
    sa.Column("job_id", sa.Text),
    sa.Index("ix_activity_type", "type", "number"),
    sa.Index("ix_activity_tenant", "tenant", "number"),
    sqlite_autoincrement=True,
)

# One row for each robot, our own workers among them. What it does is not in here: `robots.lifecycle` tells it from the
# last heartbeat and from its live leases.
ROBOTS: Final = sa.Table(
    "robots",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    # Of the jobs it may take; empty for those of everybody.
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("hostname", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("takes_lan", sa.Boolean, nullable=False),
    sa.Column("takes_internet", sa.Boolean, nullable=False),
    sa.Column("max_jobs", sa.Integer, nullable=False),
    sa.Column("draining", sa.Boolean, nullable=False),
    # One of this installation, whose id dies with its process.
    sa.Column("worker", sa.Boolean, nullable=False),
    # Kept for a while, so that every server hears of it.
    sa.Column("removed", sa.Boolean, nullable=False),
    sa.Column("register_time", sa.BigInteger, nullable=False),
    # When any column above was changed.
    sa.Column("change_time", sa.BigInteger, nullable=False),
    sa.Column("last_heartbeat", sa.BigInteger, nullable=False),
    # It said that it ends, and nothing since.
    sa.Column("stopped", sa.Boolean, nullable=False),
    # What the activity feed says of it last: that it came, or that it went.
    sa.Column("told_online", sa.Boolean, nullable=False),
    sa.Column("cpu_percent", sa.Double),
    sa.Column("memory_mb", sa.Double),
    sa.Column("memory_percent", sa.Double),
    sa.Index("ix_robots_changed", "change_time"),
)

# Keys by which robots get their first token. A row goes when the key is used.
ROBOT_ENROLMENTS: Final = sa.Table(
    "robot_enrolments",
    METADATA,
    # SHA-256 of the key, in hexadecimal digits.
    sa.Column("key_hash", sa.Text, primary_key=True),
    # The only robot it is for; NULL for any that is not taken.
    sa.Column("robot_id", sa.Text),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("expire_time", sa.BigInteger, nullable=False),
    sa.Index("ix_robot_enrolments_expire", "expire_time"),
)

ROBOT_TOKENS: Final = sa.Table(
    "robot_tokens",
    METADATA,
    # SHA-256 of the token, in hexadecimal digits.
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("robot_id", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("expire_time", sa.BigInteger, nullable=False),
    # Its first use ends the tokens before it.
    sa.Column("used", sa.Boolean, nullable=False),
    sa.Index("ix_robot_tokens_robot", "robot_id"),
    sa.Index("ix_robot_tokens_expire", "expire_time"),
)

# Conditions of partial indexes, as above.
HAS_NEXT_RUN: Final = sa.text("next_run IS NOT NULL")
LIVE: Final = sa.text("live = 1")
# More rows of the ledger than are kept.
TOO_MANY_RECORDS: Final = sa.text("record_count > 10000")

# The columns stand in the order of `ScheduleRow`.
SCHEDULES: Final = sa.Table(
    "schedules",
    METADATA,
    # Order of creation.
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("workflow_id", sa.Text, nullable=False),
    # That of the workflow.
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    # As it was sent.
    sa.Column("cron", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("mode", sa.Integer, nullable=False),
    sa.Column("catch_up", sa.Integer, nullable=False),
    sa.Column("overlap", sa.Integer, nullable=False),
    # The first fire time of which the ledger has no row; NULL while it is disabled.
    sa.Column("next_run", sa.BigInteger),
    sa.Column("last_run", sa.BigInteger),
    sa.Column("run_count", sa.BigInteger, nullable=False),
    sa.Column("failure_count", sa.BigInteger, nullable=False),
    # Rows of the ledger that are its.
    sa.Column("record_count", sa.BigInteger, nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("update_time", sa.BigInteger, nullable=False),
    # JSON texts, empty when none were sent.
    sa.Column("variables", sa.Text, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.UniqueConstraint("id"),
    sa.Index("ix_schedules_due", "next_run", sqlite_where=HAS_NEXT_RUN, postgresql_where=HAS_NEXT_RUN),
    sa.Index("ix_schedules_workflow", "workflow_id", "number"),
    sa.Index("ix_schedules_tenant", "tenant", "number"),
    sa.Index("ix_schedules_full", "record_count", sqlite_where=TOO_MANY_RECORDS, postgresql_where=TOO_MANY_RECORDS),
    sqlite_autoincrement=True,
)

# The ledger of schedules: what became of each fire time. The columns stand in the order of `OccurrenceRow`.
OCCURRENCES: Final = sa.Table(
    "occurrences",
    METADATA,
    sa.Column("schedule_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("fire_time", sa.BigInteger, primary_key=True, autoincrement=False),
    # 1 for a trigger by hand, 0 for a fire time.
    sa.Column("by_hand", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("job_id", sa.Text),
    # 1 as long as the job is not known to have ended.
    sa.Column("live", sa.Integer, nullable=False),
    sa.Column("record_time", sa.BigInteger, nullable=False),
    sa.Index("ix_occurrences_live", "schedule_number", "job_id", sqlite_where=LIVE, postgresql_where=LIVE),
    sqlite_with_rowid=False,
)

# What workflows refer to as `{{secrets.name}}`. `tenant` is empty for those of jobs that are of no tenant.
WORKFLOW_SECRETS: Final = sa.Table(
    "workflow_secrets",
    METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("update_time", sa.BigInteger, nullable=False),
    sa.Column("updated_by", sa.Text, nullable=False),
    # The value, encrypted.
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

# Where the runs of jobs are that may be resumed. Rows of both tables go with the end of their job.
JOB_CHECKPOINTS: Final = sa.Table(
    "job_checkpoints",
    METADATA,
    sa.Column("job_id", sa.Text, primary_key=True),
    sa.Column("update_time", sa.BigInteger, nullable=False),
    # What the engine has written, encrypted.
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

# What those runs had executed, in pieces: a row for each checkpoint before which something was.
CHECKPOINT_EXECUTIONS: Final = sa.Table(
    "checkpoint_executions",
    METADATA,
    sa.Column("job_id", sa.Text, primary_key=True),
    # How many stand in the rows before.
    sa.Column("executions_before", sa.Integer, primary_key=True, autoincrement=False),
    # A WorkflowResult with nothing else.
    sa.Column("executions", sa.LargeBinary, nullable=False),
)
