"""The search: which sessions have a text somewhere in session id, profile id or proxy, whatever its case.

A text of three characters and more is looked up by the threes of neighbouring characters in it (trigrams), one of one
or two characters by itself. What has all trigrams need not have them in a row, so longer texts are compared as well.

SQLite splits the text of its index into trigrams by itself, so each text stands there in three ways:

- As it is.
- With a mark of ours between all characters, so that single ones and pairs are found too: "ab" gives the trigrams
  "-a-", "a-b" and "-b-".
- Every other character, in letters of ours. Trigrams of these reach over five characters. Many addresses have "10.",
  "0.1" and ".10" somewhere and few have "10.10"; to compare them all would take long.

Because of that the index cannot be rebuilt from the sessions by SQLite's own `rebuild`. Postgres gets lists of
characters, pairs and trigrams.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from server.telemetry.tables import BROWSER_SESSIONS

# Stands between the fields of a search text, so that nothing is found across them.
BORDER: Final = "\x1f"
# Stands between the characters of the index that are to be found alone or in pairs.
MARK: Final = "\x1e"
# Plane 15 of Unicode, which is for private use, mirrors plane 0: letters that stand for every other character.
MIRROR: Final = 0xF0000
# What is ours cannot be looked for. As with NUL in stored texts: nobody can see the difference.
_OURS: Final = re.compile("[\x1e\x1f\U000f0000-\U000fffff]")

# What is no longer than this is found by the index alone.
EXACT_LENGTH: Final = 3
# More terms than this exclude too little for what they cost.
LOOKED_UP: Final = 3
# So many terms of a long text are compared for their rarity.
PROBED: Final = 24
# Newest sessions that are looked at for what part of them has a text.
SAMPLE: Final = 500

_TERMS: Final = sa.table("session_search", sa.column("rowid"), sa.column("search_text"), sa.column("session_search"))
_GRAMS: Final = sa.table("session_search", sa.column("number"), sa.column("grams", postgresql.ARRAY(sa.Text())))

_INSERT_TERMS: Final = "INSERT INTO session_search (rowid, search_text) VALUES (?, ?)"
# Source: SQLite, "FTS5", section 6.3, the 'delete' command: it wants the text that was inserted.
_DELETE_TERMS: Final = "INSERT INTO session_search (session_search, rowid, search_text) VALUES ('delete', ?, ?)"
_PROBE: Final = "SELECT rowid FROM session_search WHERE session_search MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET 31"
_INSERT_GRAMS: Final = sa.insert(_GRAMS)
_DELETE_GRAMS: Final = sa.delete(_GRAMS).where(_GRAMS.c.number.in_(sa.bindparam("numbers", expanding=True)))


def fold(text: str) -> str:
    """Return `text` as it is compared: without capital letters, by Unicode's case folding."""
    return _OURS.sub("\ufffd", text.casefold())


def search_text(session_id: str, profile_id: str, proxy: str | None) -> str:
    """Return what a search looks at."""
    return BORDER.join((fold(session_id), fold(profile_id), fold(proxy or "")))


def add(connection: sa.Connection, number: int, text: str) -> None:
    """Put the session of that number, whose search text is `text`, into the index."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_INSERT_TERMS, (number, _indexed(text)))
    else:
        connection.execute(_INSERT_GRAMS, {"number": number, "grams": sorted(_grams(text))})


def remove(connection: sa.Connection, texts: Sequence[tuple[int, str]]) -> None:
    """Take sessions, each a number and its search text, out of the index."""
    if not texts:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_DELETE_TERMS, [(number, _indexed(text)) for number, text in texts])
    else:
        connection.execute(_DELETE_GRAMS, {"numbers": [number for number, _ in texts]})


def lookup(dialect: str) -> tuple[sa.ColumnElement[int], sa.ColumnElement[bool]]:
    """Return the column of numbers in the index, and the condition on it; its parameter is "terms", see `terms`."""
    if dialect == "sqlite":
        condition: sa.ColumnElement[bool] = _TERMS.c.session_search.op("MATCH")(sa.bindparam("terms"))
        return _TERMS.c.rowid, condition
    return _GRAMS.c.number, _GRAMS.c.grams.contains(sa.bindparam("terms"))


def terms(connection: sa.Connection, needle: str) -> str | list[str]:
    """Return what `lookup` looks for; `needle` is folded and not empty."""
    if connection.dialect.name == "sqlite":
        return " AND ".join(_quoted(term) for term in _rarest(connection, _needle_terms(needle)))
    return sorted(_threes(needle)) if len(needle) > EXACT_LENGTH else [needle]


def share(
    connection: sa.Connection, needle: str, conditions: Sequence[sa.ColumnElement[bool]], values: Mapping[str, Any]
) -> float:
    """Return what part of the newest sessions that fulfil `conditions` has `needle` (folded, not empty), 0 to 1.

    `values` are the parameters of the conditions. Postgres is asked to plan for this very text from here on, since a
    plan for any text reads all sessions.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(_PLAN_EACH)
    newest = sa.select(BROWSER_SESSIONS.c.search_text).where(*conditions).order_by(BROWSER_SESSIONS.c.number.desc())
    texts = connection.execute(newest.limit(SAMPLE), values).scalars().all()
    return sum(needle in text for text in texts) / len(texts) if texts else 0.0


def contains(dialect: str) -> sa.ColumnElement[bool]:
    """Return the condition that a session has the parameter "needle" in its search text."""
    position = sa.func.instr if dialect == "sqlite" else sa.func.strpos
    condition: sa.ColumnElement[bool] = position(BROWSER_SESSIONS.c.search_text, sa.bindparam("needle")) > 0
    return condition


# Source: PostgreSQL, section 20.7.4. For the rest of the transaction.
_PLAN_EACH: Final = sa.text("SET LOCAL plan_cache_mode = force_custom_plan")


def _rarest(connection: sa.Connection, of_terms: Sequence[str]) -> Sequence[str]:
    """The few of `of_terms` that fewest sessions have, the rarest first.

    SQLite walks the list of each term, so one that every session has costs much and excludes nothing. How rare a term
    is shows in how far back its newest sessions reach.
    """
    if len(of_terms) <= LOOKED_UP:
        return of_terms
    step = -(-len(of_terms) // PROBED)
    reach = {term: _reach(connection, term) for term in of_terms[::step]}
    return sorted(reach, key=reach.__getitem__)[:LOOKED_UP]


def _reach(connection: sa.Connection, term: str) -> int:
    """The number of the oldest of the newest sessions that have `term`; 0 when these are all."""
    row = connection.exec_driver_sql(_PROBE, (_quoted(term),)).first()
    return 0 if row is None else int(row[0])


def _quoted(term: str) -> str:
    """A term in quotes, in which nothing but the quote has a meaning. Source: SQLite, "FTS5", section 3.1."""
    return '"{}"'.format(term.replace('"', '""'))


def _indexed(text: str) -> str:
    """What SQLite's index is given. Where the parts meet, their trigrams hold a mark between two others."""
    mirrored = _mirrored(text)
    parts = (text, "", MARK.join(text), mirrored[::2], mirrored[1::2])
    return f"{MARK}".join(parts) + MARK


def _mirrored(text: str) -> str:
    return "".join(chr(MIRROR | (ord(character) & 0xFFFF)) for character in text)


def _needle_terms(needle: str) -> Sequence[str]:
    """The trigrams in SQLite's index that whatever holds `needle` has."""
    match len(needle):
        case 1:
            return [f"{MARK}{needle}{MARK}"]
        case 2:
            return [MARK.join(needle)]
        case _:
            mirrored = _mirrored(needle)
            return sorted(_threes(needle) | _threes(mirrored[::2]) | _threes(mirrored[1::2]))


def _threes(text: str) -> set[str]:
    return {text[start : start + 3] for start in range(len(text) - 2)}


def _grams(text: str) -> set[str]:
    """All distinct characters, pairs and threes."""
    return {text[start : start + length] for length in (1, 2, 3) for start in range(len(text) - length + 1)}
