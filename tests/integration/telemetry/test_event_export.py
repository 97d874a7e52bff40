"""Events as CSV."""

import asyncio
import csv
import io
import json
from typing import Any

import pytest
from google.api import httpbody_pb2

from switchyard.telemetry.v1 import event_service_pb2 as pb
from switchyard.telemetry.v1.session_pb2 import NewEvent
from tests.integration.telemetry.serving import API_KEY, Telemetry

NOON = 1_769_688_000_000_000


async def log(telemetry: Telemetry, *events: NewEvent) -> None:
    for start in range(0, len(events), 1000):
        request = pb.LogEventsRequest(events=events[start : start + 1000])
        await telemetry.events.LogEvents(request, metadata=API_KEY)


def event(session_id: str = "s1", event_type: str = "click", **details: Any) -> NewEvent:
    made = NewEvent(session_id=session_id, event_type=event_type)
    made.details = json.dumps(details, separators=(",", ":"), ensure_ascii=False)
    return made


async def exported(telemetry: Telemetry, query: str = "") -> list[list[str]]:
    """The rows behind the header."""
    answer = await telemetry.http.get(f"/api/events/export{query}")
    assert answer.status_code == 200, answer.text
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["id", "session_id", "event_type", "timestamp", "details"]
    return rows


async def test_an_export_is_a_csv_file_to_download(telemetry: Telemetry) -> None:
    telemetry.clock.stopped_at = NOON
    await telemetry.register()
    await log(telemetry, event(text='say "hi", ü'), event())

    answer = await telemetry.http.get("/api/events/export")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="events.csv"'
    assert answer.content.decode() == (
        "id,session_id,event_type,timestamp,details\r\n"
        '1,s1,click,2026-01-29T12:00:00+00:00,"{""text"":""say \\""hi\\"", ü""}"\r\n'
        "2,s1,click,2026-01-29T12:00:00+00:00,{}\r\n"
    )


async def test_an_export_of_nothing_is_its_header(telemetry: Telemetry) -> None:
    assert await exported(telemetry) == []


async def test_cells_that_look_like_formulas_are_made_harmless(telemetry: Telemetry) -> None:
    for session_id in ("=1+1", "+1", "-1", "@a"):
        await telemetry.register(session_id)
        await log(telemetry, event(session_id))

    assert [row[1] for row in await exported(telemetry)] == ["'=1+1", "'+1", "'-1", "'@a"]


async def test_every_event_is_exported_once_oldest_first(telemetry: Telemetry) -> None:
    await telemetry.register()
    await log(telemetry, *(event(n=n) for n in range(2_345)))

    rows = await exported(telemetry)

    assert [json.loads(row[4])["n"] for row in rows] == list(range(2_345))
    assert [int(row[0]) for row in rows] == sorted(int(row[0]) for row in rows)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("?event_type=scroll", [1, 3]),
        ("?session_id=s2", [2, 3]),
        ("?session_id=s2&event_type=scroll", [3]),
        ("?session_id=gone", []),
        ("?event_type=gone", []),
    ],
)
async def test_filters_hold_for_exports(telemetry: Telemetry, query: str, wanted: list[int]) -> None:
    await telemetry.register("s1")
    await telemetry.register("s2")
    await log(
        telemetry, event(n=0), event(n=1, event_type="scroll"), event("s2", n=2), event("s2", n=3, event_type="scroll")
    )

    assert [json.loads(row[4])["n"] for row in await exported(telemetry, query)] == wanted


async def test_a_wrong_filter_is_refused_before_the_file_begins(telemetry: Telemetry) -> None:
    answer = await telemetry.http.get("/api/events/export?event_type=A")

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("event_type must be")


async def test_an_export_ends_although_events_keep_coming(telemetry: Telemetry) -> None:
    await telemetry.register()
    await log(telemetry, *(event(n=n) for n in range(1_000)))
    call = telemetry.events.ExportEvents(pb.ExportEventsRequest(), metadata=API_KEY)
    lines = 0

    async for piece in call:
        await log(telemetry, *(event(n=-1) for _ in range(300)))
        lines += piece.data.count(b"\r\n")

    assert lines == 1_001


async def test_pieces_are_small_and_wait_for_their_reader(telemetry: Telemetry) -> None:
    await telemetry.register()
    await log(telemetry, *(event(text="x" * 60_000) for _ in range(20)))

    pieces = [piece async for piece in telemetry.events.ExportEvents(pb.ExportEventsRequest(), metadata=API_KEY)]

    assert isinstance(pieces[0], httpbody_pb2.HttpBody)
    assert max(len(piece.data) for piece in pieces) <= 64 * 1024
    assert sum(len(piece.data) for piece in pieces) > 20 * 60_000


async def test_a_reader_that_leaves_ends_the_export(telemetry: Telemetry) -> None:
    await telemetry.register()
    await log(telemetry, *(event(text="x" * 50_000) for _ in range(60)))
    call = telemetry.events.ExportEvents(pb.ExportEventsRequest(), metadata=API_KEY)

    await call.read()
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call.read()
    assert len(await exported(telemetry)) == 60
