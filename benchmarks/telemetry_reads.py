"""What is read of large stores: lists, searches, statistics, and an export of everything."""

import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil

from benchmarks.load import measure
from benchmarks.result import Row
from benchmarks.telemetry_store import fill
from tests.end_to_end.system import System

FEW, MANY = 1_000, 1_000_000
KEY = "k" * 40
SETTINGS = {"API_KEY": KEY, "RATE_LIMIT_PER_MINUTE": "0", "ACCESS_LOG": "false", "SESSION_RETENTION_DAYS": "0"}
# What counts as silent would be ended at the start; that is not measured here.
SETTINGS["SESSION_TTL_SECONDS"] = "315360000"
HEADERS = {"X-API-Key": KEY}
SECONDS = 2.0
GROWTH, SEARCH_MS, STATS_MS, EXPORT_MB = 1.5, 30.0, 5.0, 50.0
# One match; matches everywhere; none, though all its parts are common; one and two characters.
NEEDLES = ("-777777", "profile-", "profile-9999x", "profile-5 ", "7", "f7")


def run() -> list[Row]:
    """Fill one small and one large store, and ask both the same."""
    with tempfile.TemporaryDirectory() as folder:
        few, _ = first_page(Path(folder) / "few", FEW)
        return [*first_page(Path(folder) / "many", MANY, few)[1]]


def first_page(folder: Path, sessions: int, few_ms: float = 0.0) -> tuple[float, list[Row]]:
    """Milliseconds for page 1 over a store of so many sessions, and the rows about a large one."""
    folder.mkdir()
    with System(folder, SETTINGS) as system:
        system.start_server()
        system.stop("server")
        fill(system.data_dir / "switchyard.db", sessions)
        system.start_server()
        page_ms = milliseconds(system, "/api/sessions?page=1")
        return page_ms, large_rows(system, few_ms, page_ms) if few_ms else []


def large_rows(system: System, few_ms: float, page_ms: float) -> list[Row]:
    """The rows about the large store."""
    deep_ms = milliseconds(system, f"/api/sessions?cursor={deep_cursor(system)}")
    searches = {needle: milliseconds(system, f"/api/sessions?search={quote(needle)}") for needle in NEEDLES}
    slowest = max(searches, key=lambda needle: searches[needle])
    stats_ms = milliseconds(system, "/api/stats")
    megabytes, seconds = export(system)
    return [
        growth("GET /api/sessions?page=1 with 1,000,000 sessions against 1,000", page_ms, few_ms),
        growth("The page behind session 500,000 against page 1 of 1,000", deep_ms, few_ms),
        Row("The slowest of six searches in 1,000,000 sessions", "<= 30 ms",
            f"{searches[slowest]:.1f} ms ({slowest!r})", searches[slowest] <= SEARCH_MS),
        Row("/api/stats at 1,000,000 sessions and 10,000,000 events", "<= 5 ms", f"{stats_ms:.1f} ms",
            stats_ms <= STATS_MS),
        Row("Export of 1,000,000 sessions, memory above idle", "< 50 MB",
            f"{megabytes:.0f} MB, in {seconds:.0f} s", megabytes < EXPORT_MB),
    ]  # fmt: skip


def growth(what: str, found_ms: float, few_ms: float) -> Row:
    """A row about a time that must not grow with the store."""
    found = f"{found_ms / few_ms:.2f} x ({found_ms:.2f} ms against {few_ms:.2f} ms)"
    return Row(what, f"<= {GROWTH} x", found, found_ms <= GROWTH * few_ms)


def milliseconds(system: System, path: str) -> float:
    """Mean time of one request after the other."""
    return 1000 / measure(system.http_port, path, connections=1, seconds=SECONDS, headers=HEADERS).per_second


def deep_cursor(system: System) -> str:
    """The cursor behind the first half of the list."""
    page = MANY // 100 // 2
    answer = system.client.get(f"/api/sessions?per_page=100&page={page}", headers=HEADERS)
    return str(answer.json()["next_cursor"])


def export(system: System) -> tuple[float, float]:
    """Megabytes by which the server grows while it exports all sessions, and the seconds it takes."""
    server = psutil.Process(system.processes["server"].pid)
    before = peak = own_memory(server)
    started = time.perf_counter()
    with httpx.stream("GET", f"{system.url}/api/sessions/export", headers=HEADERS, timeout=600) as answer:
        lines = 0
        for piece in answer.iter_bytes():
            lines += piece.count(b"\r\n")
            peak = max(peak, own_memory(server))
    if lines != MANY + 1:
        raise AssertionError(f"{lines} lines")
    return (peak - before) / 1e6, time.perf_counter() - started


def own_memory(process: psutil.Process) -> int:
    """Bytes that a process has for itself. Pages of the database file that it has mapped are the system's to take."""
    memory = process.memory_info()
    return int(memory.rss - memory.shared)
