"""What jobs need of Tasks: titles, robots, indexes of lists, counts; and what is made of jobs: sums and activity."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JOB = "kind IN ('run_workflow', 'run_workflow_internet')"
CLAIMED_JOB = sa.text(f"{JOB} AND last_worker_id <> ''")
TENANT_JOB = sa.text(f"{JOB} AND tenant <> ''")
CLAIMED_TENANT_JOB = sa.text(f"{JOB} AND tenant <> '' AND last_worker_id <> ''")
ENDED_JOB = sa.text(f"{JOB} AND end_time IS NOT NULL")
NEW_JOB_END = sa.text(f"{JOB} AND end_time IS NOT NULL AND summed = 0")


def upgrade() -> None:
    """Add the columns, indexes, tables and triggers."""
    op.add_column("tasks", sa.Column("title", sa.Text, nullable=False, server_default=""))
    op.add_column("tasks", sa.Column("last_worker_id", sa.Text, nullable=False, server_default=""))
    op.add_column("tasks", sa.Column("summed", sa.Integer, nullable=False, server_default="0"))
    if op.get_bind().dialect.name == "sqlite":
        _move_to_the_end("payload", "BLOB NOT NULL DEFAULT x''")
        _move_to_the_end("result", "BLOB")
    _index("ix_tasks_jobs", ["state", "number"], sa.text(JOB))
    _index("ix_tasks_jobs_subject", ["subject", "state", "number"], sa.text(JOB))
    _index("ix_tasks_jobs_worker", ["last_worker_id", "state", "number"], CLAIMED_JOB)
    _index("ix_tasks_jobs_subject_worker", ["subject", "last_worker_id", "state", "number"], CLAIMED_JOB)
    _index("ix_tasks_jobs_tenant", ["tenant", "state", "number"], TENANT_JOB)
    _index("ix_tasks_jobs_tenant_worker", ["tenant", "last_worker_id", "state", "number"], CLAIMED_TENANT_JOB)
    _index("ix_tasks_jobs_ended", ["end_time"], ENDED_JOB)
    _index("ix_tasks_jobs_unsummed", ["end_time"], NEW_JOB_END)
    _create_counts()
    _create_sums()
    _create_activity()


def downgrade() -> None:
    """Drop the tables that are only made from others."""
    for table in (
        "activity",
        "job_durations",
        "job_duration_ranges",
        "job_errors",
        "job_robots",
        "job_workflows",
        "job_sums",
    ):
        op.drop_table(table)


def _move_to_the_end(column: str, declaration: str) -> None:
    """Large values come last in a row: SQLite reads through them to get at what stands behind."""
    op.execute(f"ALTER TABLE tasks ADD COLUMN moved {declaration}")
    op.execute(f"UPDATE tasks SET moved = {column}")  # noqa: S608 - the names stand above
    op.execute(f"ALTER TABLE tasks DROP COLUMN {column}")
    op.execute(f"ALTER TABLE tasks RENAME COLUMN moved TO {column}")


def _index(name: str, columns: list[str], condition: sa.TextClause) -> None:
    op.create_index(name, "tasks", columns, sqlite_where=condition, postgresql_where=condition)


def _create_counts() -> None:
    op.create_table(
        "task_counts",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("state", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tasks", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "task_days",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tasks", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO task_counts SELECT kind, tenant, state, 0, COUNT(*) FROM tasks GROUP BY kind, tenant, state"
    )
    op.execute(
        "INSERT INTO task_days SELECT kind, create_time / 86400000000, tenant, 0, COUNT(*) FROM tasks"
        " GROUP BY kind, create_time / 86400000000, tenant"
    )
    for statement in _sqlite_triggers() if op.get_bind().dialect.name == "sqlite" else _postgresql_triggers():
        op.execute(statement)


def _create_sums() -> None:
    op.create_table(
        "job_sums",
        *_key("scope", "span", "start"),
        *_numbers("completed", "failed", "cancelled", "duration_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_workflows",
        *_key("scope", "span", "start", "workflow_id"),
        *_numbers("completed", "duration_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_robots",
        *_key("scope", "span", "start", "robot_id"),
        *_numbers("completed", "failed", "duration_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_errors", *_key("scope", "span", "start", "error_type"), *_numbers("jobs"), sqlite_with_rowid=False
    )
    op.create_table(
        "job_duration_ranges", *_key("scope", "span", "start", "range"), *_numbers("jobs"), sqlite_with_rowid=False
    )
    op.create_table(
        "job_durations",
        *_key("scope", "span", "start", "range", "duration_ms"),
        *_numbers("jobs"),
        sqlite_with_rowid=False,
    )


def _create_activity() -> None:
    op.create_table(
        "activity",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("type", sa.Integer, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("robot_id", sa.Text),
        sa.Column("job_id", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_activity_type", "activity", ["type", "number"])
    op.create_index("ix_activity_tenant", "activity", ["tenant", "number"])


_TYPES = {"scope": sa.Text, "workflow_id": sa.Text, "robot_id": sa.Text, "error_type": sa.Text}


def _key(*names: str) -> list[sa.Column[object]]:
    columns = [sa.Column(name, _TYPES.get(name, sa.BigInteger), primary_key=True) for name in names]
    for column in columns:
        column.autoincrement = False
    return columns


def _numbers(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


# What a row adds to the counts of states and days, or takes from them. "row" stands for OLD or NEW.
_COUNT = """
    INSERT INTO task_counts (kind, tenant, state, shard, tasks)
    VALUES (row.kind, row.tenant, row.state, {shard}, {change})
    ON CONFLICT (kind, tenant, state, shard) DO UPDATE SET tasks = task_counts.tasks + excluded.tasks;
"""
_COUNT_DAY = """
    INSERT INTO task_days (kind, day, tenant, shard, tasks)
    VALUES (row.kind, row.create_time / 86400000000, row.tenant, {shard}, {change})
    ON CONFLICT (kind, day, tenant, shard) DO UPDATE SET tasks = task_days.tasks + excluded.tasks;
"""


def _said_of(row: str, statement: str, change: int, shard: str) -> str:
    return statement.format(shard=shard, change=change).replace("row.", f"{row}.")


def _sqlite_triggers() -> list[str]:
    new, new_day = (_said_of("NEW", statement, 1, "0") for statement in (_COUNT, _COUNT_DAY))
    old, old_day = (_said_of("OLD", statement, -1, "0") for statement in (_COUNT, _COUNT_DAY))
    moved = "AFTER UPDATE OF state ON tasks WHEN OLD.state <> NEW.state"
    return [
        f"CREATE TRIGGER tasks_inserted AFTER INSERT ON tasks BEGIN {new} {new_day} END",
        f"CREATE TRIGGER tasks_deleted AFTER DELETE ON tasks BEGIN {old} {old_day} END",
        f"CREATE TRIGGER tasks_moved {moved} BEGIN {old} {new} END",
    ]


def _postgresql_triggers() -> list[str]:
    """Servers that share the database rarely meet in one of eight rows, and then take them in the same order."""
    new, new_day = (_said_of("NEW", statement, 1, "spread") for statement in (_COUNT, _COUNT_DAY))
    old, old_day = (_said_of("OLD", statement, -1, "spread") for statement in (_COUNT, _COUNT_DAY))
    function = f"""
        CREATE FUNCTION tasks_counted() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE spread integer := pg_backend_pid() % 8;
        BEGIN
            IF TG_OP = 'INSERT' THEN {new} {new_day}
            ELSIF TG_OP = 'DELETE' THEN {old} {old_day}
            ELSIF OLD.state < NEW.state THEN {old} {new}
            ELSE {new} {old}
            END IF;
            RETURN NULL;
        END $$
    """
    called = "FOR EACH ROW EXECUTE FUNCTION tasks_counted()"
    moved = "FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION tasks_counted()"
    return [
        function,
        f"CREATE TRIGGER tasks_counted AFTER INSERT OR DELETE ON tasks {called}",
        f"CREATE TRIGGER tasks_moved AFTER UPDATE ON tasks {moved}",
    ]
