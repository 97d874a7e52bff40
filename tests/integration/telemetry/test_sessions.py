"""Sessions over the wire: registration, end, reading, lists, deletion, and what is counted of them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from server.clock import SECOND
from server.telemetry.events import event_store
from server.telemetry.events.event_store import EventDraft
from server.telemetry.sessions import session_removal
from server.telemetry.statistics import counts
from server.telemetry.statistics.counts import Totals
from server.telemetry.tables import (
    BROWSER_SESSIONS,
    EVENT_COUNTS,
    PROXIES,
    SESSION_COUNTS,
    SESSION_EVENTS,
)
from switchyard.telemetry.v1 import session_service_pb2 as pb
from switchyard.telemetry.v1.session_pb2 import Session
from tests.integration.telemetry.serving import API_KEY, WORKER, Telemetry, bearer, refused, serving

NOON = 1_769_688_000 * SECOND  # 2026-01-29T12:00:00Z


async def totals(telemetry: Telemetry) -> Totals:
    return await telemetry.database.read(counts.read_totals)


async def log_events(telemetry: Telemetry, session_id: str, count: int, load_ms: int | None = None) -> None:
    """Store events without the service, which has tests of its own."""
    micros = None if load_ms is None else load_ms * 1_000
    drafts = [EventDraft(session_id, "click", NOON + at, micros, f'{{"at": {at}}}') for at in range(count)]
    await telemetry.database.write(lambda connection: event_store.append(connection, drafts, now=NOON))


async def column(telemetry: Telemetry, query: sa.Select[Any]) -> list[int]:
    return await telemetry.database.read(lambda connection: list(connection.execute(query).scalars()))


async def test_a_session_is_registered_read_and_ended_as_printed(telemetry: Telemetry) -> None:
    telemetry.clock.stopped_at = NOON
    sent = {
        "session_id": "abc123",
        "profile_id": "profile_1",
        "device": "desktop",
        "target_url": "https://example.com",
        "proxy": "1.2.3.4:12321",
        "country": "US",
    }
    registered = await telemetry.http.post("/api/sessions/register", json=sent)
    assert (registered.status_code, registered.json()) == (
        200,
        {"status": "registered", "session_id": "abc123", "active_count": 1},
    )

    telemetry.clock.ahead = 20 * SECOND
    end = {"session_id": "abc123", "success": True, "duration": 15.0, "error": None}
    ended = await telemetry.http.post("/api/sessions/end", json=end)

    assert (ended.status_code, ended.json()) == (200, {"status": "ended", "active_count": 0})
    read = await telemetry.http.get("/api/sessions/abc123")
    assert read.json() == {
        "session": {
            "id": "abc123",
            "profile_id": "profile_1",
            "device": "desktop",
            "target_url": "https://example.com",
            "proxy": "1.2.3.4:12321",
            "country": "US",
            "start_time": "2026-01-29T12:00:00+00:00",
            "end_time": "2026-01-29T12:00:20+00:00",
            "duration": 15.0,
            "success": True,
            "error": None,
            "status": "completed",
        },
        "events": [],
        "event_count": 0,
    }


async def test_a_list_is_printed_with_every_key(telemetry: Telemetry) -> None:
    telemetry.clock.stopped_at = NOON
    await telemetry.register("s1")

    listed = await telemetry.http.get("/api/sessions")

    assert listed.json() == {
        "sessions": [
            {
                "id": "s1",
                "profile_id": "p1",
                "device": None,
                "target_url": None,
                "proxy": None,
                "country": None,
                "start_time": "2026-01-29T12:00:00+00:00",
                "end_time": None,
                "duration": None,
                "success": None,
                "error": None,
                "status": "active",
            }
        ],
        "total": 1,
        "page": 1,
        "per_page": 20,
        "total_pages": 1,
        "total_is_minimum": False,
        "next_cursor": None,
    }


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "session_id must be given"),
        ({"session_id": "s1"}, "profile_id must be given"),
        ({"session_id": "a b", "profile_id": "p"}, "session_id must be visible ASCII without spaces"),
        ({"session_id": "é", "profile_id": "p"}, "session_id must be visible ASCII without spaces"),
        ({"session_id": "x" * 129, "profile_id": "p"}, "session_id must be at most 128 characters long"),
        ({"session_id": "s1", "profile_id": "p" * 257}, "profile_id must be at most 256 characters long"),
        ({"session_id": "s1", "profile_id": "p", "proxy": "h" * 513}, "proxy must be at most 512 characters long"),
    ],
)
async def test_a_session_out_of_bounds_is_not_registered(
    telemetry: Telemetry, body: dict[str, str], sentence: str
) -> None:
    answer = await telemetry.http.post("/api/sessions/register", json=body)

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(sentence)
    assert (await totals(telemetry)).sessions == 0


async def test_an_id_is_registered_once_only(telemetry: Telemetry) -> None:
    telemetry.clock.stopped_at = NOON
    await telemetry.register("s1")
    telemetry.clock.ahead = SECOND

    active = await telemetry.http.post("/api/sessions/register", json={"session_id": "s1", "profile_id": "other"})
    await telemetry.end("s1")
    ended = await telemetry.http.post("/api/sessions/register", json={"session_id": "s1", "profile_id": "other"})

    assert (active.status_code, active.json()["detail"]) == (409, "session 's1' is active")
    assert (ended.status_code, ended.json()["detail"]) == (409, "session 's1' has ended")
    kept = (await telemetry.get("s1")).session
    assert (kept.profile_id, kept.start_time.seconds) == ("p1", NOON // SECOND)
    assert (await totals(telemetry)).sessions == 1


async def test_of_many_registrations_of_one_id_one_succeeds(telemetry: Telemetry) -> None:
    attempts = [telemetry.register("s1", proxy="h:1", country="US") for _ in range(10)]

    outcomes = await asyncio.gather(*attempts, return_exceptions=True)

    refusals = [one for one in outcomes if isinstance(one, grpc.aio.AioRpcError)]
    assert [one.code() for one in refusals] == [grpc.StatusCode.ALREADY_EXISTS] * 9
    assert (await totals(telemetry)).active == 1
    assert await column(telemetry, sa.select(PROXIES.c.uses)) == [1]


async def test_a_repeated_registration_gives_the_first_answer(telemetry: Telemetry) -> None:
    first = await telemetry.register("s1", request_id="k")
    await telemetry.register("s2")

    again = await telemetry.register("s1", request_id="k")

    assert again == first
    assert (await totals(telemetry)).sessions == 2
    code, _ = await refused(telemetry.register("s3", request_id="k"))
    assert code is grpc.StatusCode.ABORTED


@pytest.mark.parametrize(
    ("proxy", "target"),
    [
        ("http://user:s3cret@h.example:1", "https://user:s3cret@Example.com/a"),
        ("user:s3cret@h.example:1", "https:/user:s3cret@Example.com/a"),
        ("h.example:1:user:s3cret", "//user:s3cret@Example.com/a"),
        ("HTTP://user:s3cret@h.example:1", "user:s3cret@Example.com/a"),
        ("http://user:s3cret\n@h.example:1", "HTT\tPS://user:s3cret\n@Example.com/a"),
    ],
)
async def test_no_credentials_of_a_proxy_or_target_are_kept(
    tmp_path: Path, proxy: str, target: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "data"
    # Its files are looked into.
    async with serving(data_dir, dialect="sqlite") as telemetry:
        await telemetry.register("s1", proxy=proxy, target_url=target)
        await telemetry.end("s1", success=False, error="net::ERR_FAILED at https://user:s3cret@h.example:1/")
        session = (await telemetry.get("s1")).session
        assert session.proxy.endswith("h.example:1")
        assert session.target_url.endswith("Example.com/a")
        exported = await telemetry.http.get("/api/sessions/export")
        assert "s3cret" not in exported.text
        assert (await telemetry.list(search="s3cret")).total == 0
        sites = await telemetry.database.read(
            lambda connection: connection.execute(sa.select(BROWSER_SESSIONS.c.site)).scalars().all()
        )
        assert sites == ["example.com"]

    assert not any(b"s3cret" in file.read_bytes() for file in data_dir.iterdir())
    assert "s3cret" not in "".join(capfd.readouterr())


async def test_an_unknown_session_cannot_be_ended_read_or_deleted(telemetry: Telemetry) -> None:
    for session_id in ("unknown", "\x00", "é"):
        for call in (
            telemetry.end(session_id),
            telemetry.get(session_id),
            telemetry.sessions.DeleteSession(pb.DeleteSessionRequest(session_id=session_id), metadata=API_KEY),
        ):
            assert await refused(call) == (grpc.StatusCode.NOT_FOUND, "Session not found")


async def test_a_session_ends_once(telemetry: Telemetry) -> None:
    await telemetry.register("s1", proxy="h:1")
    await telemetry.end("s1", success=False, duration=2.0, error="it broke")

    again = await telemetry.http.post("/api/sessions/end", json={"session_id": "s1", "success": True})

    assert (again.status_code, again.json()["detail"]) == (409, "session 's1' has already ended")
    session = (await telemetry.get("s1")).session
    assert (session.success, session.error, session.duration) == (False, "it broke", 2.0)
    assert await totals(telemetry) == Totals(active=0, completed=0, failed=1, duration_micros=2 * SECOND, events=0)


async def test_of_many_ends_of_one_session_one_counts(telemetry: Telemetry) -> None:
    await telemetry.register("s1", proxy="h:1", target_url="https://example.com")

    outcomes = await asyncio.gather(*(telemetry.end("s1", duration=1.0) for _ in range(10)), return_exceptions=True)

    refusals = [one for one in outcomes if isinstance(one, grpc.aio.AioRpcError)]
    assert [one.code() for one in refusals] == [grpc.StatusCode.FAILED_PRECONDITION] * 9
    assert await totals(telemetry) == Totals(active=0, completed=1, failed=0, duration_micros=SECOND, events=0)
    assert await column(telemetry, sa.select(PROXIES.c.successes)) == [1]


async def test_a_duration_that_is_not_given_is_computed(telemetry: Telemetry) -> None:
    telemetry.clock.stopped_at = NOON
    await telemetry.register("s1")
    await telemetry.register("s2")
    telemetry.clock.ahead = 90 * SECOND
    await telemetry.end("s1")
    telemetry.clock.ahead = -SECOND
    await telemetry.end("s2")

    assert (await telemetry.get("s1")).session.duration == 90.0
    # A clock that was set back makes no session end before it began.
    assert (await telemetry.get("s2")).session.duration == 0.0


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), -1.0, 315_360_001.0])
async def test_a_duration_that_is_none_is_refused(telemetry: Telemetry, duration: float) -> None:
    await telemetry.register("s1")

    code, message = await refused(telemetry.end("s1", duration=duration))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message == "duration must be between 0 and 2,592,000"
    assert (await totals(telemetry)).active == 1


async def test_an_empty_error_is_none(telemetry: Telemetry) -> None:
    await telemetry.register("s1")

    await telemetry.end("s1", success=False, error="")

    session = (await telemetry.get("s1")).session
    assert not session.HasField("error")
    assert session.status == Session.STATUS_FAILED


async def test_empty_texts_are_absent_and_nul_is_replaced(telemetry: Telemetry) -> None:
    await telemetry.register("s1", profile_id="p\x00", device="", target_url="", proxy="", country="")

    session = (await telemetry.get("s1")).session

    assert session.profile_id == "p\ufffd"
    assert not any(session.HasField(name) for name in ("device", "target_url", "proxy", "country"))


async def test_sessions_are_listed_newest_first_and_paged(telemetry: Telemetry) -> None:
    for number in range(1, 8):
        await telemetry.register(f"s{number}")

    pages = [await telemetry.list(page=page, per_page=3) for page in (1, 2, 3, 4)]

    assert [[one.id for one in page.sessions] for page in pages] == [
        ["s7", "s6", "s5"],
        ["s4", "s3", "s2"],
        ["s1"],
        [],
    ]
    assert {(page.total, page.total_pages, page.per_page, page.total_is_minimum) for page in pages} == {
        (7, 3, 3, False)
    }
    assert [page.page for page in pages] == [1, 2, 3, 4]
    assert [page.HasField("next_cursor") for page in pages] == [True, True, False, False]


@pytest.mark.parametrize("filters", [{}, {"search": "s"}, {"country": "US"}, {"status": Session.STATUS_ACTIVE}])
async def test_cursors_lead_through_everything_once(telemetry: Telemetry, filters: dict[str, object]) -> None:
    for number in range(1, 8):
        await telemetry.register(f"s{number}", country="US")

    ids = []
    page = await telemetry.list(per_page=2, **filters)
    while True:
        ids += [one.id for one in page.sessions]
        if not page.HasField("next_cursor"):
            break
        # What is registered meanwhile moves no page.
        await telemetry.register(f"later-{page.next_cursor}")
        page = await telemetry.list(per_page=2, cursor=page.next_cursor, **filters)

    assert ids == ["s7", "s6", "s5", "s4", "s3", "s2", "s1"]


async def test_a_broken_cursor_is_refused(telemetry: Telemetry) -> None:
    answer = await telemetry.http.get("/api/sessions?cursor=7")

    assert answer.status_code == 400
    assert answer.json()["detail"] == "cursor must be the next_cursor of an earlier page"


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=abc", "page=2.5", "per_page=0", "per_page=101", "status=gone", "search=" + "x" * 257],
)
async def test_a_wrong_parameter_is_refused(telemetry: Telemetry, query: str) -> None:
    answer = await telemetry.http.get(f"/api/sessions?{query}")

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(query.partition("=")[0])


async def test_filters_hold_in_any_combination(telemetry: Telemetry) -> None:
    for number, (country, end) in enumerate(
        [("US", None), ("US", True), ("US", False), ("DE", None), ("DE", True), (None, False)], start=1
    ):
        await telemetry.register(f"s{number}", profile_id=f"p{number % 2}", **({"country": country} if country else {}))
        if end is not None:
            await telemetry.end(f"s{number}", success=end)

    async def found(**filters: object) -> list[str]:
        listed = await telemetry.list(**filters)
        assert listed.total == len(listed.sessions)
        return [one.id for one in listed.sessions]

    assert await found(status=Session.STATUS_ACTIVE) == ["s4", "s1"]
    assert await found(status=Session.STATUS_COMPLETED) == ["s5", "s2"]
    assert await found(status=Session.STATUS_FAILED) == ["s6", "s3"]
    assert await found(country="US") == ["s3", "s2", "s1"]
    assert await found(country="US", status=Session.STATUS_COMPLETED) == ["s2"]
    assert await found(country="us") == []
    assert await found(search="p1") == ["s5", "s3", "s1"]
    assert await found(search="p1", country="US") == ["s3", "s1"]
    assert await found(search="p1", country="US", status=Session.STATUS_FAILED) == ["s3"]
    assert await found(country="\x00") == []


async def test_a_session_is_read_with_its_first_events(telemetry: Telemetry) -> None:
    await telemetry.register("s1")
    await log_events(telemetry, "s1", 1_005)

    read = await telemetry.get("s1", event_limit=1_000)
    assert (len(read.events), read.event_count) == (1_000, 1_005)
    assert len((await telemetry.get("s1")).events) == 1_005
    assert [json.loads(event.details)["at"] for event in read.events[:3]] == [0, 1, 2]
    assert {event.session_id for event in read.events} == {"s1"}
    assert [json.loads(event.details)["at"] for event in (await telemetry.get("s1", event_limit=2)).events] == [0, 1]
    code, _ = await refused(telemetry.get("s1", event_limit=10_001))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_deleted_session_goes_with_everything_counted_of_it(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_removal, "STEP", 10)
    for session_id in ("gone", "kept"):
        await telemetry.register(session_id, proxy="h:1", country="US")
        await log_events(telemetry, session_id, 25, load_ms=100)
        await telemetry.end(session_id, success=session_id == "kept", duration=2.0)

    answer = await telemetry.http.delete("/api/sessions/gone")

    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert (await refused(telemetry.get("gone")))[0] is grpc.StatusCode.NOT_FOUND
    assert await totals(telemetry) == Totals(active=0, completed=1, failed=0, duration_micros=2 * SECOND, events=25)
    assert [one.id for one in (await telemetry.list()).sessions] == ["kept"]
    assert (await telemetry.list(search="gone")).total == 0
    assert await column(telemetry, sa.select(sa.func.count()).select_from(SESSION_EVENTS)) == [25]
    figures = sa.select(PROXIES.c.uses, PROXIES.c.successes, PROXIES.c.failures, PROXIES.c.load_count)
    assert await telemetry.database.read(lambda connection: list(connection.execute(figures))) == [(1, 1, 0, 25)]
    assert (await telemetry.get("kept")).event_count == 25
    # The id may be used again.
    await telemetry.register("gone")


async def test_a_session_that_gets_events_while_it_is_deleted_goes_wholly(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_removal, "STEP", 5)
    await telemetry.register("s1", proxy="h:1")
    await log_events(telemetry, "s1", 200)

    deletion = asyncio.create_task(telemetry.http.delete("/api/sessions/s1"))
    while not deletion.done():
        await log_events(telemetry, "s1", 3, load_ms=1)
    assert deletion.result().status_code == 200

    assert await totals(telemetry) == Totals(active=0, completed=0, failed=0, duration_micros=0, events=0)
    assert await column(telemetry, sa.select(sa.func.count()).select_from(SESSION_EVENTS)) == [0]
    assert await column(telemetry, sa.select(PROXIES.c.load_count)) == []


@pytest.mark.parametrize("session_id", [".", "..", "end", "export", "register"])
async def test_a_session_that_could_not_be_read_is_refused(telemetry: Telemetry, session_id: str) -> None:
    code, sentence = await refused(telemetry.register(session_id))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence == f"session_id must not be {session_id!r}, which is another path"


async def test_a_proxy_that_may_hold_a_password_is_refused_without_a_word_of_it(telemetry: Telemetry) -> None:
    code, sentence = await refused(telemetry.register(proxy="1.2.3.4:80/anna:hunter2"))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "hunter2" not in sentence


async def test_a_host_of_any_length_harms_nobody(telemetry: Telemetry) -> None:
    await telemetry.register(proxy="h:1", target_url="https://" + "界" * 1_500)

    await telemetry.end()

    assert (await telemetry.get()).session.target_url.startswith("https://界")


async def test_of_two_deletions_one_finds_nothing(telemetry: Telemetry) -> None:
    await telemetry.register("s1")

    answers = await asyncio.gather(*(telemetry.http.delete("/api/sessions/s1") for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 404]
    assert (await totals(telemetry)).sessions == 0


async def test_counts_are_the_rows_whatever_happens_at_once(telemetry: Telemetry) -> None:
    async def live(number: int) -> None:
        session_id = f"s{number}"
        await telemetry.register(session_id, proxy=f"h:{number % 3}", country="US" if number % 2 else None)
        if number % 4:
            await telemetry.end(session_id, success=bool(number % 3), duration=float(number))
        if number % 5 == 0:
            await telemetry.sessions.DeleteSession(pb.DeleteSessionRequest(session_id=session_id), metadata=API_KEY)

    await asyncio.gather(*(live(number) for number in range(40)))

    def both(connection: sa.Connection) -> tuple[list[sa.Row[tuple[int, str, int]]], ...]:
        columns = BROWSER_SESSIONS.c
        country = sa.func.coalesce(columns.country, "").label("country")
        of_rows = sa.select(
            columns.status, country, sa.func.count(), sa.func.coalesce(sa.func.sum(columns.duration_micros), 0)
        ).group_by(columns.status, country)
        counted = SESSION_COUNTS.c
        of_counts = (
            sa.select(
                counted.status, counted.country, sa.func.sum(counted.sessions), sa.func.sum(counted.duration_micros)
            )
            .group_by(counted.status, counted.country)
            .having(sa.func.sum(counted.sessions) > 0)
        )
        return tuple(sorted(connection.execute(query).all()) for query in (of_rows, of_counts))

    stored, counted = await telemetry.database.scan(both)
    assert stored == counted


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((), grpc.StatusCode.UNAUTHENTICATED),
        ((("x-api-key", "wrong"),), grpc.StatusCode.PERMISSION_DENIED),
        (bearer("ann"), grpc.StatusCode.PERMISSION_DENIED),
    ],
)
async def test_sessions_want_a_credential_of_no_tenant(
    telemetry: Telemetry, metadata: tuple[tuple[str, str], ...], code: grpc.StatusCode
) -> None:
    await telemetry.register("s1")
    calls = (
        telemetry.sessions.ListSessions(pb.ListSessionsRequest(), metadata=metadata),
        telemetry.sessions.GetSession(pb.GetSessionRequest(session_id="s1"), metadata=metadata),
        telemetry.sessions.RegisterSession(
            pb.RegisterSessionRequest(session_id="s2", profile_id="p"), metadata=metadata
        ),
        telemetry.sessions.EndSession(pb.EndSessionRequest(session_id="s1", success=True), metadata=metadata),
        telemetry.sessions.DeleteSession(pb.DeleteSessionRequest(session_id="s1"), metadata=metadata),
        telemetry.sessions.ExportSessions(pb.ExportSessionsRequest(), metadata=metadata).read(),
    )

    assert [(await refused(call))[0] for call in calls] == [code] * len(calls)
    assert (await totals(telemetry)).active == 1


async def test_a_worker_registers_and_ends_and_does_no_more(telemetry: Telemetry) -> None:
    request = pb.RegisterSessionRequest(session_id="s1", profile_id="p")
    await telemetry.sessions.RegisterSession(request, metadata=WORKER)
    await telemetry.sessions.EndSession(pb.EndSessionRequest(session_id="s1", success=True), metadata=WORKER)

    code, _ = await refused(telemetry.sessions.ListSessions(pb.ListSessionsRequest(), metadata=WORKER))

    assert code in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}


async def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as telemetry:
        await telemetry.register("s1", country="US")
        await telemetry.register("s2", country="US")
        await telemetry.end("s1", duration=1.5)

    async with serving(tmp_path / "data") as telemetry:
        assert (await telemetry.get("s1")).session.duration == 1.5
        assert (await telemetry.register("s3")).active_count == 2
        assert [one.id for one in (await telemetry.list(search="s2")).sessions] == ["s2"]


async def test_counts_of_events_stay_those_of_the_rows(telemetry: Telemetry) -> None:
    await telemetry.register("s1")
    await telemetry.register("s2")
    await log_events(telemetry, "s1", 3)
    await log_events(telemetry, "s2", 4)

    await telemetry.sessions.DeleteSession(pb.DeleteSessionRequest(session_id="s2"), metadata=API_KEY)

    assert sum(await column(telemetry, sa.select(EVENT_COUNTS.c.events))) == 3
