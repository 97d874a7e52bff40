"""The tables of telemetry. Times are micros, durations whole micros, so that sums never drift.

What is counted in `session_counts`, `event_counts` and `proxies` is changed in the transaction that changes the rows it
is counted from. Rows of counts are spread over shards, so that servers that share a Postgres do not wait for one
another; a count is the sum over its shards.
"""

from typing import Final

import sqlalchemy as sa

from server.database.metadata import METADATA, NUMBER

# `status` is a number of the contract's enum. `site` is the host of the target, empty without one. `search_text` is
# what a search looks at; see `server.telemetry.sessions.search`.
BROWSER_SESSIONS: Final = sa.Table(
    "browser_sessions",
    METADATA,
    # Order of registration; lists go by it.
    sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("profile_id", sa.Text, nullable=False),
    sa.Column("device", sa.Text),
    sa.Column("target_url", sa.Text),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("proxy", sa.Text),
    sa.Column("country", sa.Text),
    sa.Column("start_time", sa.BigInteger, nullable=False),
    sa.Column("end_time", sa.BigInteger),
    sa.Column("duration_micros", sa.BigInteger),
    sa.Column("success", sa.Boolean),
    sa.Column("error", sa.Text),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("event_count", sa.BigInteger, nullable=False),
    sa.Column("last_event_time", sa.BigInteger),
    # Of the events that have a `load_time_micros`.
    sa.Column("load_time_micros", sa.BigInteger, nullable=False),
    sa.Column("load_count", sa.BigInteger, nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.UniqueConstraint("id"),
    # Small and in order: a page far back is found without reading the rows before it.
    sa.Index("ix_browser_sessions_number", "number"),
    sa.Index("ix_browser_sessions_status", "status", "number"),
    sa.Index("ix_browser_sessions_country", "country", "number"),
    sa.Index("ix_browser_sessions_country_status", "country", "status", "number"),
    sqlite_autoincrement=True,
)

# No foreign key: it would cost a look-up for each event, and events go with their session (`session_removal`).
# `details` is a JSON object. `load_time_micros` is what it says of `load_time_ms`.
SESSION_EVENTS: Final = sa.Table(
    "session_events",
    METADATA,
    sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("session_number", sa.BigInteger, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("load_time_micros", sa.BigInteger),
    sa.Column("details", sa.Text, nullable=False),
    sa.Index("ix_session_events_session", "session_number", "id"),
    sa.Index("ix_session_events_type", "event_type", "id"),
    sqlite_autoincrement=True,
)

# `country` is empty for sessions without one.
SESSION_COUNTS: Final = sa.Table(
    "session_counts",
    METADATA,
    sa.Column("status", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("country", sa.Text, primary_key=True),
    sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sessions", sa.BigInteger, nullable=False),
    sa.Column("duration_micros", sa.BigInteger, nullable=False),
)

EVENT_COUNTS: Final = sa.Table(
    "event_counts",
    METADATA,
    sa.Column("event_type", sa.Text, primary_key=True),
    sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("events", sa.BigInteger, nullable=False),
)

# `password` is encrypted. `enabled` is what an operator set, `disabled_until` what failures did. A proxy that was
# removed keeps its row and figures, as sessions still name it. `managed`: somebody has set it up or changed it; any
# other is known from sessions only.
PROXIES: Final = sa.Table(
    "proxies",
    METADATA,
    sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("country", sa.Text),
    sa.Column("session_country", sa.Text),
    sa.Column("username", sa.Text),
    sa.Column("password", sa.LargeBinary),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
    sa.Column("managed", sa.Boolean, nullable=False),
    sa.Column("max_leases", sa.Integer),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("successes", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("failures_in_row", sa.Integer, nullable=False),
    sa.Column("disabled_until", sa.BigInteger),
    sa.Column("last_used", sa.BigInteger),
    sa.Column("load_time_micros", sa.BigInteger, nullable=False),
    sa.Column("load_count", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("url"),
    sqlite_autoincrement=True,
)

# Sessions that ended, with the weight they had at `time`. `proxy_id` 0 is the sum over all proxies.
PROXY_SITES: Final = sa.Table(
    "proxy_sites",
    METADATA,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("proxy_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("successes", sa.Double, nullable=False),
    sa.Column("failures", sa.Double, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Index("ix_proxy_sites_proxy", "proxy_id"),
)

# `sticky_key` is empty when the lease is nobody's in particular.
PROXY_LEASES: Final = sa.Table(
    "proxy_leases",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("proxy_id", sa.BigInteger, nullable=False),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("sticky_key", sa.Text, nullable=False),
    sa.Column("expire_time", sa.BigInteger, nullable=False),
    sa.Index("ix_proxy_leases_proxy", "proxy_id", "expire_time"),
    sa.Index("ix_proxy_leases_sticky", "sticky_key", "site"),
)

# How far the events of a producer are stored or refused.
EVENT_PRODUCERS: Final = sa.Table(
    "event_producers",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("acknowledged_position", sa.BigInteger, nullable=False),
    sa.Column("update_time", sa.BigInteger, nullable=False),
)
