"""The tables of bots. Times are micros. Runs, validations and deliveries are rows of the kernel's table of Tasks."""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA

# `owner_type` and `validation_status` are numbers of the contract's enums. `validation_task_id` is the Task of the last
# validation, NULL when its verdict came from outside. `validation_report` is a serialized GetValidationResponse that
# holds the checks and errors of the last finished validation.
BOT_INSTANCES: Final = sa.Table(
    "bot_instances",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner_type", sa.Integer, nullable=False),
    sa.Column("owner_id", sa.Text, nullable=False),
    sa.Column("bot_code", sa.Text, nullable=False),
    sa.Column("validation_status", sa.Integer),
    sa.Column("validation_task_id", sa.Text),
    sa.Column("validation_report", sa.LargeBinary),
    sa.Column("last_validated_at", sa.BigInteger),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("update_time", sa.BigInteger, nullable=False),
    sa.Index("bot_instances_create_time", "create_time", "id"),
    sa.Index("bot_instances_owner_id", "owner_id", "create_time"),
)

# `secret` is encrypted.
WEBHOOKS: Final = sa.Table(
    "webhooks",
    METADATA,
    sa.Column("instance_id", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("create_time", sa.BigInteger, nullable=False),
    sa.Column("update_time", sa.BigInteger, nullable=False),
)

# Runs whose log file is not complete yet: a row comes with the Run and goes with its last line.
UNFINISHED_LOG_FILES: Final = sa.Table(
    "unfinished_log_files",
    METADATA,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("instance_id", sa.Text, nullable=False),
    sa.Index("unfinished_log_files_instance_id", "instance_id"),
)

# Folders that are to go: `path` is relative to the data folder, and not removed before `not_before`.
FOLDER_REMOVALS: Final = sa.Table(
    "folder_removals",
    METADATA,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("not_before", sa.BigInteger, nullable=False),
)
