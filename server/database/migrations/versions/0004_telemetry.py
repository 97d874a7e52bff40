"""Browser sessions, their events, the counts over both, and proxies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables and the index of the search."""
    _create_sessions()
    _create_events()
    _create_counts()
    _create_proxies()
    _create_search()


def downgrade() -> None:
    """Drop the tables."""
    for table in (
        "session_search",
        "event_producers",
        "proxy_leases",
        "proxy_sites",
        "proxies",
        "event_counts",
        "session_counts",
        "session_events",
        "browser_sessions",
    ):
        op.drop_table(table)


def _create_sessions() -> None:
    op.create_table(
        "browser_sessions",
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
        sa.Column("load_time_micros", sa.BigInteger, nullable=False),
        sa.Column("load_count", sa.BigInteger, nullable=False),
        sa.Column("search_text", sa.Text, nullable=False),
        sa.UniqueConstraint("id", name="uq_browser_sessions_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_browser_sessions_number", "browser_sessions", ["number"])
    op.create_index("ix_browser_sessions_status", "browser_sessions", ["status", "number"])
    op.create_index("ix_browser_sessions_country", "browser_sessions", ["country", "number"])
    op.create_index("ix_browser_sessions_country_status", "browser_sessions", ["country", "status", "number"])


def _create_search() -> None:
    """Create the index of the search, which is no table of its own in SQLite and so stands in no metadata."""
    if op.get_bind().dialect.name == "sqlite":
        # Three characters in a row of `search_text`, and the one and two they begin with.
        op.execute(
            "CREATE VIRTUAL TABLE session_search USING fts5(search_text, content='browser_sessions',"
            " content_rowid='number', tokenize='trigram case_sensitive 1', detail='none')"
        )
        return
    # The same as lists; pg_trgm, which would do it, is not installed everywhere.
    op.create_table(
        "session_search",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("grams", postgresql.ARRAY(sa.Text), nullable=False),
    )
    op.create_index("session_search_grams", "session_search", ["grams"], postgresql_using="gin")


def _create_events() -> None:
    op.create_table(
        "session_events",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("session_number", sa.BigInteger, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("load_time_micros", sa.BigInteger),
        sa.Column("details", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_session_events_session", "session_events", ["session_number", "id"])
    op.create_index("ix_session_events_type", "session_events", ["event_type", "id"])
    op.create_table(
        "event_producers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("acknowledged_position", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
    )


def _create_counts() -> None:
    op.create_table(
        "session_counts",
        sa.Column("status", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("country", sa.Text, primary_key=True),
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sessions", sa.BigInteger, nullable=False),
        sa.Column("duration_micros", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "event_counts",
        sa.Column("event_type", sa.Text, primary_key=True),
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("events", sa.BigInteger, nullable=False),
    )


def _create_proxies() -> None:
    op.create_table(
        "proxies",
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
        sa.UniqueConstraint("url", name="uq_proxies_url"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "proxy_sites",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("proxy_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("successes", sa.Double, nullable=False),
        sa.Column("failures", sa.Double, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_proxy_sites_proxy", "proxy_sites", ["proxy_id"])
    op.create_table(
        "proxy_leases",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("proxy_id", sa.BigInteger, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("sticky_key", sa.Text, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_proxy_leases_proxy", "proxy_leases", ["proxy_id", "expire_time"])
    op.create_index("ix_proxy_leases_sticky", "proxy_leases", ["sticky_key", "site"])
