"""A file with a million browser sessions and ten million events, as the server would have written it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from server.telemetry.sessions import search

EVENTS_PER_SESSION: Final = 10
PROXIES: Final = 50
COUNTRIES: Final = 20
NUMBERS: Final = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"

# One session in twenty has failed, the newest ten are active. Ids look random, as they do in life.
SESSIONS: Final = f"""{NUMBERS}
INSERT INTO browser_sessions SELECT i, 's-' || printf('%08x', i * 2654435761 % 4294967296) || '-' || i,
  'profile-' || (i % 1000), 'desktop', 'https://example.com/', 'example.com',
  '10.0.' || (i % {PROXIES}) || '.7:12321', char(65 + i % {COUNTRIES}) || 'X', 1700000000000000 + i * 1000000,
  CASE WHEN i > :count - 10 THEN NULL ELSE 1700000015000000 + i * 1000000 END,
  CASE WHEN i > :count - 10 THEN NULL ELSE 15000000 END, CASE WHEN i > :count - 10 THEN NULL ELSE i % 20 <> 0 END,
  NULL, CASE WHEN i > :count - 10 THEN 1 WHEN i % 20 <> 0 THEN 2 ELSE 3 END, {EVENTS_PER_SESSION},
  1700000010000000 + i * 1000000, 0, 0, '' FROM n"""
SEARCH_TEXT: Final = """UPDATE browser_sessions
SET search_text = id || char(31) || profile_id || char(31) || proxy"""
EVENTS: Final = f"""{NUMBERS}
INSERT INTO session_events SELECT i, (i - 1) / {EVENTS_PER_SESSION} + 1,
  CASE i % 4 WHEN 0 THEN 'click' WHEN 1 THEN 'navigation' WHEN 2 THEN 'page_load' ELSE 'scroll' END,
  1700000000000000 + i * 100000, NULL, '{{"url":"https://example.com/feed"}}' FROM n"""
COUNTS: Final = (
    """INSERT INTO session_counts SELECT status, country, 0, count(*), coalesce(sum(duration_micros), 0)
    FROM browser_sessions GROUP BY status, country""",
    "INSERT INTO event_counts SELECT event_type, 0, count(*) FROM session_events GROUP BY event_type",
    """INSERT INTO proxies SELECT NULL, proxy, NULL, 'AX', NULL, NULL, 1, 0, 0, NULL, count(*), sum(status = 2),
    sum(status = 3), 0, NULL, max(start_time), 0, 0 FROM browser_sessions GROUP BY proxy""",
)


def fill(path: Path, sessions: int) -> None:
    """Fill the empty schema at `path`, whose server is stopped."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # Lost is what a crash loses; the file is filled again then.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN")
        database.execute(SESSIONS, {"count": sessions})
        database.execute(SEARCH_TEXT)
        database.execute(EVENTS, {"count": sessions * EVENTS_PER_SESSION})
        for statement in COUNTS:
            database.execute(statement)
        database.execute("COMMIT")
    index(path)


def index(path: Path) -> None:
    """Put all sessions into the index of the search."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        rows = connection.exec_driver_sql("SELECT number, search_text FROM browser_sessions ORDER BY number").all()
        for number, text in rows:
            search.add(connection, number, text)
    engine.dispose()
