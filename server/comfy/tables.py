"""The tables of ComfyUI. Times are micros. Sessions and prompts are rows of the kernel's table of Tasks, too."""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA, NUMBER

# `number` and `id` are those of the Task, which tells where a session stands. `mode` and `on_restart` are numbers of
# the contract's enums. `credentials` (a serialized StartSessionRequest.Credentials without its URL) and
# `browser_endpoint` are encrypted, and erased when the session ends. `dismissed`: somebody has taken note of its loss.
# `closing`: it was stopped, and ends once its prompts have ended.
COMFY_SESSIONS: Final = sa.Table(
    "comfy_sessions",
    METADATA,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("mode", sa.Integer, nullable=False),
    sa.Column("on_restart", sa.Integer, nullable=False),
    sa.Column("headless", sa.Boolean, nullable=False),
    sa.Column("wanted_port", sa.Integer),
    sa.Column("port", sa.Integer),
    sa.Column("frontend_version", sa.Text),
    sa.Column("ready_time", sa.BigInteger),
    sa.Column("active_time", sa.BigInteger, nullable=False),
    sa.Column("dismissed", sa.Boolean, nullable=False),
    sa.Column("closing", sa.Boolean, nullable=False),
    sa.Column("workflow_open", sa.Boolean, nullable=False),
    sa.Column("workflow_path", sa.Text),
    sa.Column("node_count", sa.Integer),
    sa.Column("graph_count", sa.Integer, nullable=False),
    sa.Column("credentials", sa.LargeBinary),
    sa.Column("browser_endpoint", sa.LargeBinary),
    sa.Index("ix_comfy_sessions_id", "id", unique=True),
    sa.Index("ix_comfy_sessions_tenant", "tenant", "number"),
)

# What was queued, once for all iterations. `graph` is in the format of ComfyUI's API, `workflow` in that of its page.
COMFY_GRAPHS: Final = sa.Table(
    "comfy_graphs",
    METADATA,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("graph", sa.Text, nullable=False),
    sa.Column("workflow", sa.Text, nullable=False),
)

# `number` and `id` are those of the Task. `comfy_prompt_id` is NULL until ComfyUI has given one.
COMFY_PROMPTS: Final = sa.Table(
    "comfy_prompts",
    METADATA,
    sa.Column("number", NUMBER, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("session", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, nullable=False),
    sa.Column("comfy_prompt_id", sa.Text),
    sa.Index("ix_comfy_prompts_id", "id", unique=True),
    sa.Index("ix_comfy_prompts_tenant", "tenant", "number"),
    sa.Index("ix_comfy_prompts_session", "session", "number"),
    sa.Index("ix_comfy_prompts_session_id", "session_id", "number"),
)
