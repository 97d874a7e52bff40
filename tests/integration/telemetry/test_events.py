"""Events: stored one by one and in batches, counted, and listed."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import grpc
import httpx
import pytest
import sqlalchemy as sa

from server.telemetry.events import event_store
from server.telemetry.statistics import counts
from server.telemetry.tables import BROWSER_SESSIONS, PROXIES, SESSION_EVENTS
from switchyard.telemetry.v1 import event_service_pb2 as pb
from switchyard.telemetry.v1.session_pb2 import NewEvent
from tests.integration.telemetry.serving import API_KEY, WORKER, Telemetry, bearer, refused

NOON = 1_769_688_000_000_000


async def log(telemetry: Telemetry, session_id: str = "s1", event_type: str = "click", **fields: Any) -> int:
    request = pb.LogEventRequest(session_id=session_id, event_type=event_type, **fields)
    return (await telemetry.events.LogEvent(request, metadata=API_KEY)).event_id


async def batch(telemetry: Telemetry, *events: NewEvent, **fields: Any) -> Sequence[int]:
    request = pb.LogEventsRequest(events=events, **fields)
    return (await telemetry.events.LogEvents(request, metadata=API_KEY)).event_ids


async def listed(telemetry: Telemetry, **fields: Any) -> pb.ListEventsResponse:
    return await telemetry.events.ListEvents(pb.ListEventsRequest(**fields), metadata=API_KEY)


def click(session_id: str = "s1", event_type: str = "click", **details: Any) -> NewEvent:
    event = NewEvent(session_id=session_id, event_type=event_type)
    event.details = json.dumps(details)
    return event


async def stored_ids(telemetry: Telemetry) -> list[int]:
    query = sa.select(SESSION_EVENTS.c.id).order_by(SESSION_EVENTS.c.id)
    return await telemetry.database.read(lambda connection: [row.id for row in connection.execute(query)])


async def figures(telemetry: Telemetry) -> dict[str, Any]:
    """What is counted of the session "s1", its proxy, and all events."""

    def query(connection: sa.Connection) -> dict[str, Any]:
        session = connection.execute(sa.select(BROWSER_SESSIONS).where(BROWSER_SESSIONS.c.id == "s1")).one()
        proxy = connection.execute(sa.select(PROXIES)).one()
        rows = connection.execute(sa.select(sa.func.count()).select_from(SESSION_EVENTS)).scalar_one()
        return {
            "rows": rows,
            "events": counts.count_events(connection),
            "clicks": counts.count_events(connection, "click"),
            "of session": session.event_count,
            "loads": (session.load_time_micros, session.load_count),
            "proxy loads": (proxy.load_time_micros, proxy.load_count),
        }

    return await telemetry.database.read(query)


# The document


async def test_an_event_is_logged_and_listed_as_the_document_prints_it(telemetry: Telemetry) -> None:
    telemetry.clock.stopped_at = NOON
    await telemetry.register("abc123")
    body = {
        "session_id": "abc123",
        "event_type": "navigation",
        "details": {"url": "https://example.com", "load_time_ms": 1500},
    }

    answer = await telemetry.http.post("/api/events", json=body)

    assert (answer.status_code, answer.json()) == (200, {"status": "logged", "event_id": 1})
    page = await telemetry.http.get("/api/events")
    assert page.status_code == 200
    assert {**page.json(), "next_cursor": None} == {
        "events": [{"id": 1, **body, "timestamp": "2026-01-29T12:00:00+00:00"}],
        "total": 1,
        "page": 1,
        "per_page": 50,
        "total_pages": 1,
        "next_cursor": None,
    }
    assert "1500.0" not in page.text


async def test_an_event_without_details_has_an_empty_object(telemetry: Telemetry) -> None:
    await telemetry.register()

    given: list[dict[str, Any]] = [{}, {"details": None}, {"details": {}}]
    for fields in given:
        await telemetry.http.post("/api/events", json={"session_id": "s1", "event_type": "click", **fields})

    page = (await telemetry.http.get("/api/events")).json()
    assert [event["details"] for event in page["events"]] == [{}, {}, {}]


async def test_a_client_may_say_when_it_happened(telemetry: Telemetry) -> None:
    await telemetry.register()
    body = {"session_id": "s1", "event_type": "click", "event_time": "2026-01-29T12:00:00.250+00:00"}

    await telemetry.http.post("/api/events", json=body)

    page = (await telemetry.http.get("/api/events")).json()
    assert page["events"][0]["timestamp"] == "2026-01-29T12:00:00.250000+00:00"


# What is refused


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"session_id": None}, 400, "session_id must be given"),
        ({"session_id": 5}, 400, "session_id"),
        ({"session_id": "x" * 129}, 400, "session_id must be at most 128 characters long"),
        ({"session_id": "unknown"}, 404, "session_id 'unknown' is not known"),
        ({"event_type": ""}, 400, "event_type must be given"),
        ({"event_type": "Click"}, 400, "event_type must be 1 to 64 small letters"),
        ({"event_type": "click\n"}, 400, "event_type must be 1 to 64 small letters"),
        ({"event_type": "x" * 65}, 400, "event_type must be 1 to 64 small letters"),
        ({"details": [1]}, 400, "details"),
        ({"details": "text"}, 400, "details"),
        ({"details": {"a": "x" * 65_536}}, 413, "details must have at most 64 KiB as JSON"),
        ({"event_time": "yesterday"}, 400, "event_time"),
        ({"event_time": "1969-12-31T23:59:59Z"}, 400, "event_time must lie in the years 1970 to 9999"),
    ],
)
async def test_an_event_that_cannot_be_stored_is_refused_with_a_reason(
    telemetry: Telemetry, change: dict[str, Any], status: int, sentence: str
) -> None:
    await telemetry.register()
    body = {"session_id": "s1", "event_type": "click", "details": {}} | change

    answer = await telemetry.http.post("/api/events", json=body)

    assert answer.status_code == status, answer.text
    assert sentence in answer.json()["detail"]
    assert await stored_ids(telemetry) == []


@pytest.mark.parametrize(
    ("details", "sentence"),
    [
        ("[]", "details must be an object"),
        ('"text"', "details must be an object"),
        ("{", "details must be valid JSON"),
        ('{"a":NaN}', "details must be valid JSON"),
        ('{"a":1,"a":2}', "details must not repeat the key 'a'"),
        ("[" * 101 + "]" * 101, "details must not nest deeper than 100 levels"),
        ('{"a":' * 101 + "1" + "}" * 101, "details must not nest deeper than 100 levels"),
    ],
)
async def test_details_that_could_not_be_shown_are_refused_over_grpc(
    telemetry: Telemetry, details: str, sentence: str
) -> None:
    await telemetry.register()

    code, message = await refused(log(telemetry, details=details))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(sentence)


async def test_details_come_back_as_they_were_sent(telemetry: Telemetry) -> None:
    await telemetry.register()
    details = '{"b":12345678901234567890123,"a":[15.0,15,1.50,-0,1e2],"e":"\\u00e9\\/"}'
    content = f'{{"session_id":"s1","event_type":"click","details": {details}}}'

    await telemetry.http.post("/api/events", content=content)
    await log(telemetry, details=f" {details}\n")
    await log(telemetry, details=details.replace(",", ", "))

    read = await telemetry.http.get("/api/events")
    assert read.text.count(f'"details":{details}') == 3
    # Over gRPC white space stays, too.
    assert [event.details for event in (await listed(telemetry)).events][1:] == [f" {details}\n", details]


async def test_the_deepest_details_are_shown_everywhere(telemetry: Telemetry) -> None:
    await telemetry.register()
    details = '{"a":' * 100 + "1" + "}" * 100

    await log(telemetry, details=details)

    for path in ("/api/events", "/api/sessions/s1"):
        answer = await telemetry.http.get(path)
        assert (answer.status_code, details in answer.text) == (200, True)


async def test_nul_in_texts_harms_nobody(telemetry: Telemetry) -> None:
    await telemetry.register("s1")

    await log(telemetry, "s1", details=click(text="a\x00b").details)
    code, _ = await refused(log(telemetry, "s1\x00"))

    assert code is grpc.StatusCode.NOT_FOUND
    assert [json.loads(event.details)["text"] for event in (await listed(telemetry)).events] == ["a\x00b"]
    assert (await listed(telemetry, session_id="s1\x00")).total == 0


async def test_a_caller_that_belongs_to_a_tenant_is_refused(telemetry: Telemetry) -> None:
    tenant = bearer("ann")
    calls: list[Any] = [
        telemetry.events.ListEvents(pb.ListEventsRequest(), metadata=tenant),
        telemetry.events.LogEvent(pb.LogEventRequest(session_id="s1", event_type="click"), metadata=tenant),
        telemetry.events.LogEvents(pb.LogEventsRequest(events=[click()]), metadata=tenant),
        telemetry.events.ExportEvents(pb.ExportEventsRequest(), metadata=tenant).read(),
        telemetry.events.IngestEvents(iter([pb.IngestEventsRequest(producer_id="p")]), metadata=tenant).read(),
    ]

    for call in calls:
        code, sentence = await refused(call)
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert sentence == "Insufficient permissions. Telemetry belongs to the whole installation"


# Many at once


async def test_calls_at_the_same_time_have_each_its_own_number_or_refusal(telemetry: Telemetry) -> None:
    await telemetry.register()

    outcomes = await asyncio.gather(
        *(log(telemetry, "s1" if n % 5 else "gone", details=click(n=n).details) for n in range(100)),
        return_exceptions=True,
    )

    numbers = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(numbers) == 80
    assert sorted(numbers) == await stored_ids(telemetry)
    assert all(isinstance(outcomes[n], grpc.aio.AioRpcError) for n in range(0, 100, 5))
    by_number = {event.id: json.loads(event.details)["n"] for event in (await listed(telemetry, per_page=200)).events}
    assert by_number == {outcome: n for n, outcome in enumerate(outcomes) if isinstance(outcome, int)}


async def test_a_caller_that_leaves_undoes_nothing_of_the_others(telemetry: Telemetry) -> None:
    await telemetry.register()
    calls = [asyncio.ensure_future(log(telemetry)) for _ in range(40)]
    await asyncio.sleep(0)

    for call in calls[::2]:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert all(isinstance(outcome, int) for outcome in outcomes[1::2])
    assert set(outcomes[1::2]) <= set(await stored_ids(telemetry))
    assert await log(telemetry) > 0


async def test_everything_an_event_counts_for_is_counted(telemetry: Telemetry) -> None:
    await telemetry.register("s1", proxy="1.2.3.4:80")
    await telemetry.register("s2")

    await log(telemetry, details=click(load_time_ms=100).details)
    await batch(telemetry, click(load_time_ms=300), click("s2", load_time_ms=5), click(event_type="scroll"), click())

    assert await figures(telemetry) == {
        "rows": 5,
        "events": 5,
        "clicks": 4,
        "of session": 4,
        "loads": (400_000, 2),
        "proxy loads": (400_000, 2),
    }


async def test_removed_events_are_counted_no_more(telemetry: Telemetry) -> None:
    await telemetry.register("s1", proxy="1.2.3.4:80")
    await batch(telemetry, *(click(load_time_ms=n) for n in range(1, 6)), click(event_type="scroll"))
    number = await telemetry.database.read(
        lambda connection: connection.execute(sa.select(BROWSER_SESSIONS.c.number)).scalar_one()
    )

    async def remove() -> int:
        return await telemetry.database.write(lambda c: event_store.remove_of_session(c, number, 4))

    assert await remove() == 4
    assert await figures(telemetry) == {
        "rows": 2,
        "events": 2,
        "clicks": 1,
        "of session": 2,
        "loads": (5_000, 1),
        "proxy loads": (5_000, 1),
    }
    assert [await remove(), await remove()] == [2, 0]
    assert (await figures(telemetry))["proxy loads"] == (0, 0)


async def test_numbers_are_never_given_again(telemetry: Telemetry) -> None:
    await telemetry.register()
    number = await telemetry.database.read(
        lambda connection: connection.execute(sa.select(BROWSER_SESSIONS.c.number)).scalar_one()
    )
    last = (await batch(telemetry, click(), click()))[-1]
    await telemetry.database.write(lambda connection: event_store.remove_of_session(connection, number, 10))

    assert await log(telemetry) > last


async def test_servers_that_share_a_database_count_together(telemetry: Telemetry) -> None:
    for name in ("s1", "s2", "s3"):
        await telemetry.register(name, proxy=f"{name}:80")

    def append(turn: int) -> Any:
        names = ["s1", "s2", "s3"][:: 1 if turn % 2 else -1]
        drafts = [event_store.from_message(click(name, load_time_ms=1), now=NOON) for name in names]
        return telemetry.database.write(lambda connection: event_store.append(connection, drafts, now=NOON))

    await asyncio.gather(*(append(turn) for turn in range(30)))

    found = [(await telemetry.get(name)).event_count for name in ("s1", "s2", "s3")]
    assert found == [30, 30, 30]
    assert (await listed(telemetry)).total == 90


# Batches


async def test_a_batch_is_stored_in_its_order(telemetry: Telemetry) -> None:
    await telemetry.register()
    body = {"events": [{"session_id": "s1", "event_type": "click", "details": {"n": n}} for n in range(1000)]}

    answer = await telemetry.http.post("/api/events/batch", json=body)

    assert (answer.status_code, answer.json()["status"]) == (200, "logged")
    assert answer.json()["event_ids"] == list(range(1, 1001))
    newest = (await listed(telemetry, per_page=3)).events
    assert [(event.id, json.loads(event.details)["n"]) for event in newest] == [(1000, 999), (999, 998), (998, 997)]


@pytest.mark.parametrize(
    ("bad", "status", "sentence"),
    [
        ({"session_id": "gone"}, 404, "events[3].session_id 'gone' is not known"),
        ({"event_type": "A"}, 400, "events[3].event_type must be"),
        ({"details": {"a": "x" * 65_536}}, 413, "events[3].details must have at most 64 KiB as JSON"),
        ({"event_time": "1960-01-01T00:00:00Z"}, 400, "events[3].event_time must lie in the years 1970 to 9999"),
    ],
)
async def test_a_batch_is_stored_whole_or_not_at_all(
    telemetry: Telemetry, bad: dict[str, Any], status: int, sentence: str
) -> None:
    await telemetry.register()
    good = {"session_id": "s1", "event_type": "click"}

    answer = await telemetry.http.post("/api/events/batch", json={"events": [good, good, good, good | bad, good]})

    assert answer.status_code == status, answer.text
    assert sentence in answer.json()["detail"]
    assert await stored_ids(telemetry) == []
    assert (await listed(telemetry)).total == 0


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_has_1_to_1000_events(telemetry: Telemetry, count: int) -> None:
    await telemetry.register()

    answer = await telemetry.http.post(
        "/api/events/batch", json={"events": [{"session_id": "s1", "event_type": "click"}] * count}
    )

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("events must have at")


# The same key


@pytest.mark.parametrize("path", ["/api/events", "/api/events/batch"])
async def test_a_repeated_key_stores_nothing_twice(telemetry: Telemetry, path: str) -> None:
    await telemetry.register()

    def send(key: str, details: dict[str, int]) -> Any:
        event = {"session_id": "s1", "event_type": "click", "details": details}
        body = event if path == "/api/events" else {"events": [event, event]}
        return telemetry.http.post(path, json=body, headers={"Idempotency-Key": key})

    first, *others = await asyncio.gather(*(send("k", {"a": 1, "b": 2}) for _ in range(5)))
    count = len(await stored_ids(telemetry))
    other = await send("k", {"a": 2})

    assert first.status_code == 200
    assert all(again.json() == first.json() for again in others)
    assert count == (1 if path == "/api/events" else 2)
    assert other.status_code == 409
    assert (await send("l", {"a": 1})).json() != first.json()


async def test_a_refused_call_does_not_take_its_key(telemetry: Telemetry) -> None:
    code, _ = await refused(log(telemetry, request_id="k"))
    assert code is grpc.StatusCode.NOT_FOUND
    await telemetry.register()

    assert await log(telemetry, request_id="k") > 0


async def test_an_agent_may_log_events_with_the_token_of_workers(telemetry: Telemetry) -> None:
    await telemetry.register()
    request = pb.LogEventRequest(session_id="s1", event_type="click")

    assert (await telemetry.events.LogEvent(request, metadata=WORKER)).status == "logged"


async def test_an_event_of_a_session_that_has_ended_counts(telemetry: Telemetry) -> None:
    await telemetry.register()
    await telemetry.end()

    await log(telemetry)

    assert (await telemetry.get()).event_count == 1


# Lists


async def test_pages_by_number_and_by_cursor_hold_each_event_once_newest_first(telemetry: Telemetry) -> None:
    await telemetry.register("s1")
    await telemetry.register("s2")
    events = [click(f"s{1 + n % 2}", ("click", "scroll", "type")[n % 3]) for n in range(97)]
    ids = await batch(telemetry, *events)

    for filters in ({}, {"session_id": "s1"}, {"event_type": "scroll"}, {"session_id": "s2", "event_type": "type"}):
        wanted = [
            number
            for number, event in zip(ids, events, strict=True)
            if event.session_id in ("", filters.get("session_id", event.session_id))
            and event.event_type == filters.get("event_type", event.event_type)
        ][::-1]
        by_number = [await listed(telemetry, page=page, per_page=10, **filters) for page in range(1, 12)]
        by_cursor = [await listed(telemetry, per_page=10, **filters)]
        while by_cursor[-1].HasField("next_cursor"):
            by_cursor.append(await listed(telemetry, per_page=10, cursor=by_cursor[-1].next_cursor, **filters))

        assert [event.id for page in by_number for event in page.events] == wanted
        assert [event.id for page in by_cursor for event in page.events] == wanted
        assert {(page.total, page.total_pages) for page in by_number} == {(len(wanted), -(-len(wanted) // 10))}


async def test_a_page_beyond_the_end_is_empty(telemetry: Telemetry) -> None:
    await telemetry.register()
    await log(telemetry)

    page = await listed(telemetry, page=2_000_000_000)

    assert (list(page.events), page.total, page.HasField("next_cursor")) == ([], 1, False)


async def test_an_unknown_session_or_type_has_no_events(telemetry: Telemetry) -> None:
    await telemetry.register()
    await log(telemetry)

    for filters in ({"session_id": "gone"}, {"event_type": "gone"}, {"session_id": "gone", "event_type": "click"}):
        page = await listed(telemetry, **filters)
        assert (list(page.events), page.total, page.total_pages) == ([], 0, 0)


@pytest.mark.parametrize(
    "query", ["page=0", "per_page=0", "per_page=201", "page=abc", "event_type=A", "cursor=x", "cursor=n0", "page=2.5"]
)
async def test_a_list_that_is_asked_for_wrongly_is_refused(telemetry: Telemetry, query: str) -> None:
    answer = await telemetry.http.get(f"/api/events?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["detail"]


async def test_integers_and_texts_of_details_come_back_as_they_were(telemetry: Telemetry) -> None:
    await telemetry.register()
    details = {"n": 15, "f": 2.5, "t": "ü😀", "l": [1, [None, True]], "o": {"a": {}}, "big": 2**53}
    content = json.dumps({"session_id": "s1", "event_type": "click", "details": details})

    await telemetry.http.post("/api/events", content=content, headers={"content-type": "application/json"})

    answer: httpx.Response = await telemetry.http.get("/api/events")
    assert answer.json()["events"][0]["details"] == details
    assert "15.0" not in answer.text
