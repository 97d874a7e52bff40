"""Sessions as CSV: every row, in the order and with the columns of the contract, and only as fast as it is read."""

import csv
import io

import pytest

from server import csv_text
from server.clock import SECOND
from server.telemetry.sessions import session_export
from server.telemetry.sessions.session_list import Filters
from switchyard.telemetry.v1 import session_service_pb2 as pb
from tests.integration.telemetry.serving import API_KEY, Telemetry

NOON = 1_769_688_000 * SECOND  # 2026-01-29T12:00:00Z
HEADER = ["session_id", "profile_id", "device", "start_time", "proxy", "country", "status", "duration", "success"]


async def rows(telemetry: Telemetry, query: str = "") -> list[list[str]]:
    answer = await telemetry.http.get(f"/api/sessions/export{query}")
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.text, newline=""), strict=True))


async def test_the_file_is_a_download_of_csv_lines(telemetry: Telemetry) -> None:
    telemetry.clock.stopped_at = NOON
    await telemetry.register("s1", device="desktop", proxy="1.2.3.4:12321", country="US")
    await telemetry.end("s1", duration=15.0)
    await telemetry.register("s2")

    answer = await telemetry.http.get("/api/sessions/export")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="sessions.csv"'
    assert answer.text == (
        "session_id,profile_id,device,start_time,proxy,country,status,duration,success\r\n"
        "s2,p1,,2026-01-29T12:00:00+00:00,,,active,,\r\n"
        "s1,p1,desktop,2026-01-29T12:00:00+00:00,1.2.3.4:12321,US,completed,15.0,true\r\n"
    )


async def test_without_sessions_there_is_a_header(telemetry: Telemetry) -> None:
    assert await rows(telemetry) == [HEADER]


async def test_cells_that_look_like_formulas_are_made_harmless(telemetry: Telemetry) -> None:
    await telemetry.register("=1+1", profile_id='@SUM(A1,"x")', device="-1", country="+49")
    await telemetry.register("s2", profile_id="a\r\nb,c")

    found = await rows(telemetry)

    assert [row[:2] for row in found[1:]] == [["s2", "a\r\nb,c"], ["'=1+1", '\'@SUM(A1,"x")']]
    assert (found[2][2], found[2][5]) == ("'-1", "'+49")


async def test_filters_hold(telemetry: Telemetry) -> None:
    for number, country in enumerate(["US", "US", "DE"], start=1):
        await telemetry.register(f"s{number}", country=country)
    await telemetry.end("s1")
    await telemetry.end("s3", success=False)

    assert [row[0] for row in (await rows(telemetry, "?status=completed"))[1:]] == ["s1"]
    assert [row[0] for row in (await rows(telemetry, "?country=US"))[1:]] == ["s2", "s1"]
    assert [row[0] for row in (await rows(telemetry, "?country=DE&status=failed"))[1:]] == ["s3"]
    assert (await telemetry.http.get("/api/sessions/export?status=gone")).status_code == 400


@pytest.mark.parametrize("page_rows", [1, 3, 7, 8])
async def test_every_session_stands_there_once_whatever_the_pages(
    telemetry: Telemetry, page_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_export, "PAGE_ROWS", page_rows)
    for number in range(7):
        await telemetry.register(f"s{number}")

    assert [row[0] for row in (await rows(telemetry))[1:]] == ["s6", "s5", "s4", "s3", "s2", "s1", "s0"]


async def test_pages_are_read_only_as_far_as_somebody_reads_them(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_export, "PAGE_ROWS", 1)
    for number in range(5):
        await telemetry.register(f"s{number}")
    pieces = session_export.pieces(telemetry.database, Filters())

    seen = [await anext(pieces), await anext(pieces)]
    # What is deleted before its page is read is not in the file.
    await telemetry.sessions.DeleteSession(pb.DeleteSessionRequest(session_id="s2"), metadata=API_KEY)
    seen += [piece async for piece in pieces]

    assert [piece.decode().partition(",")[0] for piece in seen] == ["session_id", "s4", "s3", "s1", "s0"]


async def test_no_piece_is_larger_than_64_kib(telemetry: Telemetry) -> None:
    for number in range(120):
        await telemetry.register(f"s{number}", profile_id='"😀' * 128, device="é" * 60)
    call = telemetry.sessions.ExportSessions(pb.ExportSessionsRequest(), metadata=API_KEY)

    bodies = [body async for body in call]

    assert bodies[0].content_type == "text/csv; charset=utf-8"
    assert max(len(body.data) for body in bodies) == csv_text.PIECE_BYTES
    text = b"".join(body.data for body in bodies).decode()
    assert len(list(csv.reader(io.StringIO(text, newline=""), strict=True))) == 121


async def test_a_reader_that_leaves_ends_the_export(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_export, "PAGE_ROWS", 1)
    for number in range(50):
        await telemetry.register(f"s{number}")
    call = telemetry.sessions.ExportSessions(pb.ExportSessionsRequest(), metadata=API_KEY)
    await call.read()
    await call.read()

    assert call.cancel()

    # Whatever it had begun is over: a deletion and a new export go on as if nothing had been.
    await telemetry.sessions.DeleteSession(pb.DeleteSessionRequest(session_id="s0"), metadata=API_KEY)
    assert len(await rows(telemetry)) == 50
