"""Search over real databases: exactly the sessions that hold the text, whatever characters it is made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.clock import SECOND
from server.database.database import Database, open_database
from server.telemetry.paging import Place
from server.telemetry.sessions import search, session_list, session_store
from server.telemetry.sessions.session_list import Filters, Found
from server.telemetry.sessions.session_store import NewSession
from switchyard.telemetry.v1 import session_service_pb2 as pb
from switchyard.telemetry.v1.session_pb2 import Session
from tests.integration.database.databases import database_url
from tests.integration.telemetry.serving import API_KEY, Telemetry

# What means something to LIKE, to the query language of FTS5, to SQL, or to whoever counts characters.
HOSTILE = [
    "100%",
    "a_b",
    "%",
    "_",
    "*",
    'say "hi"',
    '"',
    '""',
    "it's",
    "a AND b",
    "NOT",
    "NEAR(a b)",
    "a*",
    "^a",
    "search_text:a",
    "-a",
    "a+b",
    "(a",
    "{a}",
    "\\",
    "😀",
    "👩‍👧",
    "Ünïcödé",
    "日本語のプロフィール",
    "ﬃ",
    "\u0301",
    "\ufffd",
    "\x1e",
    "\U000f0061",
    "\U0010fffe\U000ffffe",
    "\x1f",
    " ",
    "\n",
]


async def ids(telemetry: Telemetry, text: str, **filters: Any) -> list[str]:
    listed = await telemetry.list(search=text, **filters)
    assert (listed.total, listed.total_is_minimum) == (len(listed.sessions), False)
    return [one.id for one in listed.sessions]


async def test_a_search_looks_at_session_id_profile_id_and_proxy_and_at_nothing_else(telemetry: Telemetry) -> None:
    await telemetry.register("id-abc")
    await telemetry.register("s2", profile_id="the abc profile")
    await telemetry.register("s3", proxy="abc.example:80")
    await telemetry.register("s4", device="abc", target_url="https://abc.example", country="ABC")

    assert await ids(telemetry, "abc") == ["s3", "s2", "id-abc"]


@pytest.mark.parametrize("text", ["GRÜSSE", "grüsse", "grüße", "ÜSS", "ü", "Üß"])
async def test_capital_letters_make_no_difference(telemetry: Telemetry, text: str) -> None:
    await telemetry.register("s1", profile_id="Viele Grüße")

    assert await ids(telemetry, text) == ["s1"]


async def test_every_character_means_itself(telemetry: Telemetry) -> None:
    profiles = [made for text in HOSTILE for made in (f"x{text}", f"x{text}y", f"{text}{text}")]
    for at, profile_id in enumerate(profiles):
        await telemetry.register(f"{at}", profile_id=profile_id)

    for text in HOSTILE:
        for needle in (text, f"x{text}y", f"{text}Q"):
            expected = [f"{at}" for at, held in enumerate(profiles) if search.fold(needle) in search.fold(held)]
            assert await ids(telemetry, needle, per_page=100) == expected[::-1], needle


async def test_nothing_is_found_across_two_fields(telemetry: Telemetry) -> None:
    await telemetry.register("ab", profile_id="cd", proxy="ef:1")

    for text in ("abcd", "bc", "b\x1fc", "b\x1ec", "b\ufffdc", "de", "ab cd"):
        assert await ids(telemetry, text) == [], text


async def test_parts_that_stand_apart_are_no_match(telemetry: Telemetry) -> None:
    # Holds every trigram of what is looked for.
    await telemetry.register("s1", profile_id="abcd-bcde-cdef")

    assert await ids(telemetry, "abcdef") == []
    assert await ids(telemetry, "bcde-c") == ["s1"]


async def test_the_longest_text_that_may_be_sent_is_found(telemetry: Telemetry) -> None:
    profile = "".join(chr(0x390) if at % 3 else chr(0x4E00 + at) for at in range(256))
    await telemetry.register("s1", profile_id=profile)

    assert await ids(telemetry, profile) == ["s1"]
    assert await ids(telemetry, profile[::-1]) == []


async def test_a_deleted_session_is_found_no_more_and_its_text_can_be_found_again(telemetry: Telemetry) -> None:
    await telemetry.register("s1", profile_id="unusual")
    await telemetry.sessions.DeleteSession(pb.DeleteSessionRequest(session_id="s1"), metadata=API_KEY)
    assert [await ids(telemetry, text) for text in ("unusual", "un", "s")] == [[], [], []]

    await telemetry.register("s2", profile_id="unusual")

    assert await ids(telemetry, "unusual") == ["s2"]


@pytest.mark.parametrize(
    ("few", "common", "small"),
    [
        (session_list.FEW, session_list.COMMON, session_list.SMALL),
        # One after the other is looked at; the index has them; it has them, and the group is listed.
        (0, 0.0, 0.0),
        (0, 2.0, 0.0),
        (0, 2.0, 1.0),
    ],
)
async def test_a_search_is_the_same_in_every_way(
    telemetry: Telemetry, few: int, common: float, small: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_list, "FEW", few)
    monkeypatch.setattr(session_list, "COMMON", common)
    monkeypatch.setattr(session_list, "SMALL", small)
    for number in range(6):
        await telemetry.register(f"s{number}", profile_id=f"profile_{number % 2}", country="DE" if number < 4 else "US")
    await telemetry.end("s1")

    assert await ids(telemetry, "PROFILE_1", country="DE") == ["s3", "s1"]
    assert await ids(telemetry, "_1", country="DE", status=Session.STATUS_COMPLETED) == ["s1"]
    assert await ids(telemetry, "e", status=Session.STATUS_ACTIVE, per_page=100) == ["s5", "s4", "s3", "s2", "s0"]
    assert await ids(telemetry, "profile_2", country="DE") == []
    assert await ids(telemetry, "profile_1") == ["s5", "s3", "s1"]


async def test_more_matches_than_are_counted_are_told_as_a_minimum(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_list, "COUNTED", 5)
    for number in range(9):
        await telemetry.register(f"s{number}")

    first = await telemetry.list(search="s", per_page=3)
    # Beyond what is counted, pages and cursors lead on all the same.
    across = await telemetry.list(search="s", per_page=5, page=2)
    beyond = await telemetry.list(search="s", per_page=3, page=3)
    far_beyond = await telemetry.list(search="s", per_page=1, page=9)
    behind = await telemetry.list(search="s", per_page=6, cursor=first.next_cursor)

    assert (first.total, first.total_is_minimum, first.total_pages) == (5, True, 2)
    assert [[one.id for one in page.sessions] for page in (first, beyond, behind)] == [
        ["s8", "s7", "s6"],
        ["s2", "s1", "s0"],
        ["s5", "s4", "s3", "s2", "s1", "s0"],
    ]
    assert [one.id for one in across.sessions] == ["s3", "s2", "s1", "s0"]
    assert [one.id for one in far_beyond.sessions] == ["s0"]
    assert [page.HasField("next_cursor") for page in (first, beyond, behind)] == [True, False, False]
    assert (await telemetry.list(search="s8")).total_is_minimum is False
    assert not (await telemetry.list(search="s", page=2**31 - 1, per_page=100)).sessions
    assert not (await telemetry.list(page=2**31 - 1, per_page=100)).sessions


# Digits in letters that no search of this test has.
LETTERS = "CDEFGHIJKL"
TEXTS = st.text(alphabet=st.sampled_from('abB1-"*%_é😀ß '), min_size=1, max_size=8)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_a_search_finds_what_python_finds(tmp_path: Path, dialect: str) -> None:
    database = await open_database(database_url(dialect, tmp_path))
    # By hand, because one database serves all examples.
    texts: list[str] = []

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(TEXTS, TEXTS)
    def collect(profile: str, needle: str) -> None:
        texts.extend((profile, needle))

    collect()
    profiles, needles = texts[::2], texts[1::2]
    try:
        await database.write(lambda connection: _register(connection, profiles))
        for needle in {*needles, *(profile[1:4] for profile in profiles if profile[1:4])}:
            expected = [at for at, text in enumerate(profiles) if search.fold(needle) in search.fold(text)]
            assert await _found(database, needle) == expected[::-1][:100], needle
    finally:
        await database.close()


def _register(connection: sa.Connection, profiles: Sequence[str]) -> None:
    for at, profile_id in enumerate(profiles):
        new = NewSession(
            id=_id_of(at),
            profile_id=profile_id,
            device=None,
            target_url=None,
            site="",
            proxy=None,
            country=None,
        )
        session_store.register(connection, new, now=SECOND)


async def _found(database: Database, needle: str) -> list[int]:
    found: Found = await database.scan(
        lambda connection: session_list.read_page(connection, Filters(search=needle), Place(1, 100))
    )
    return [int("".join(str(LETTERS.index(letter)) for letter in row.id)) for row in found.rows]


def _id_of(at: int) -> str:
    return "".join(LETTERS[int(digit)] for digit in str(at))
