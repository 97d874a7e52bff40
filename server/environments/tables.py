"""The tables of environments. Times are micros, NULL where unset."""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA, NUMBER

# `status`, `cloud_provider` are numbers of the contract's enums. `task_id` is the newest Task of kind
# "provision_environment": the end of an older one changes nothing here. `secrets` (a serialized
# GetEnvironmentPlanResponse with nothing but its secrets) is encrypted; `token_digest` is the SHA-256 of the
# environment's own token.
# `running_since` is set while it is charged for running, `run_seconds` is what was before; both change with `status`.
# `template_ports` is a serialized Template with nothing but its ports.
# `result` is a serialized ProvisionEnvironmentResult of the newest start.
# Activity columns hold the newest report, `ide_time` and `ssh_time` the last use that any report told of.
# `keep_awake_until` and `keep_awake_task` exclude one another. `compared_time`: when the provider last reported it.
ENVIRONMENTS: Final = sa.Table(
    "environments",
    METADATA,
    sa.Column("number", NUMBER, primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("cloud_provider", sa.Integer, nullable=False),
    sa.Column("cloud_region", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("cpu_cores", sa.Integer, nullable=False),
    sa.Column("memory_gb", sa.Integer, nullable=False),
    sa.Column("storage_gb", sa.Integer, nullable=False),
    sa.Column("base_image", sa.Text),
    sa.Column("template_id", sa.Text),
    sa.Column("image", sa.Text, nullable=False),
    sa.Column("template_ports", sa.LargeBinary),
    sa.Column("startup_script", sa.Text, nullable=False),
    sa.Column("auto_stop_minutes", sa.Integer, nullable=False),
    sa.Column("max_run_minutes", sa.Integer, nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("update_time", sa.BigInteger, nullable=False),
    sa.Column("access_time", sa.BigInteger, nullable=False),
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("result", sa.LargeBinary),
    sa.Column("secrets", sa.LargeBinary, nullable=False),
    sa.Column("token_digest", sa.Text, nullable=False),
    sa.Column("running_since", sa.BigInteger),
    sa.Column("run_seconds", sa.BigInteger, nullable=False),
    sa.Column("keep_awake_until", sa.BigInteger),
    sa.Column("keep_awake_task", sa.Text),
    sa.Column("keep_awake_reason", sa.Text, nullable=False),
    sa.Column("report_time", sa.BigInteger),
    sa.Column("ide_time", sa.BigInteger),
    sa.Column("ssh_time", sa.BigInteger),
    sa.Column("ide_connections", sa.Integer, nullable=False),
    sa.Column("ssh_connections", sa.Integer, nullable=False),
    sa.Column("decision_count", sa.BigInteger, nullable=False),
    sa.Column("drift", sa.Text, nullable=False),
    sa.Column("compared_time", sa.BigInteger),
    sa.Column("drive_count", sa.Integer, nullable=False),
    sa.Index("ix_environments_id", "id", unique=True),
    sa.Index("ix_environments_user", "user_id", "number"),
    sa.Index("ix_environments_status", "status"),
    sa.Index("ix_environments_token", "token_digest"),
)

# `kind` is a number of Decision.Kind, `inputs` a JSON object.
ENVIRONMENT_DECISIONS: Final = sa.Table(
    "environment_decisions",
    METADATA,
    sa.Column("environment_number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("inputs", sa.Text, nullable=False),
    sa.Column("decide_time", sa.BigInteger, nullable=False),
    sa.Column("task_id", sa.Text),
)

# `action` is a number of EnvironmentSchedule.Action. `next_run` NULL: it never fires again.
ENVIRONMENT_SCHEDULES: Final = sa.Table(
    "environment_schedules",
    METADATA,
    sa.Column("number", NUMBER, primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("environment_number", sa.BigInteger, nullable=False),
    sa.Column("action", sa.Integer, nullable=False),
    sa.Column("cron", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("next_run", sa.BigInteger),
    sa.Column("last_run", sa.BigInteger),
    sa.Index("ix_environment_schedules_id", "id", unique=True),
    sa.Index("ix_environment_schedules_environment", "environment_number", "number"),
    sa.Index("ix_environment_schedules_next_run", "next_run"),
)

# `definition` is a serialized Template.
ENVIRONMENT_TEMPLATES: Final = sa.Table(
    "environment_templates",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("definition", sa.LargeBinary, nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("update_time", sa.BigInteger, nullable=False),
)

# `limits` is a serialized Amounts. Who has no row has the quota of the server.
ENVIRONMENT_QUOTAS: Final = sa.Table(
    "environment_quotas",
    METADATA,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("limits", sa.LargeBinary, nullable=False),
)

# What a comparison that is under way has found: replaced by the next attempt, read when its Task succeeds.
FOUND_ENVIRONMENTS: Final = sa.Table(
    "found_environments",
    METADATA,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("environment_id", sa.Text, primary_key=True),
    sa.Column("found", sa.LargeBinary, nullable=False),
)

# What a provider has of ours without an environment. `resources` is a JSON list.
ENVIRONMENT_ORPHANS: Final = sa.Table(
    "environment_orphans",
    METADATA,
    sa.Column("number", NUMBER, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("environment_id", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("resources", sa.Text, nullable=False),
    sa.Column("see_time", sa.BigInteger, nullable=False),
    sa.Column("task_id", sa.Text),
    sa.Index("ix_environment_orphans_name", "provider", "environment_id", unique=True),
)

# How the last comparison at a provider went.
ENVIRONMENT_COMPARISONS: Final = sa.Table(
    "environment_comparisons",
    METADATA,
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("compare_time", sa.BigInteger),
    sa.Column("found", sa.Integer, nullable=False),
    sa.Column("corrected", sa.Integer, nullable=False),
    sa.Column("shown", sa.Integer, nullable=False),
    sa.Column("orphans", sa.Integer, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
)
