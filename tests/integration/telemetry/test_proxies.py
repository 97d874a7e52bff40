"""Proxies over the wire: what sessions make of them, setting them up, changing and removing them, and their health."""

import asyncio
from typing import Any

import grpc
import httpx
import pytest

from server.clock import SECOND, now_micros
from server.telemetry.proxies import proxy_store
from server.telemetry.proxies.proxy_store import ProxyFigures
from switchyard.telemetry.v1 import proxy_pb2
from switchyard.telemetry.v1 import proxy_service_pb2 as pb
from tests.integration.telemetry.serving import API_KEY, WORKER, Telemetry, bearer, refused

URL = "1.2.3.4:12321"
HALF_HOUR = 30 * 60 * SECOND
PASSWORD = "correct horse"


async def create(telemetry: Telemetry, url: str = URL, **fields: Any) -> proxy_pb2.Proxy:
    request = pb.CreateProxyRequest(url=url, **fields)
    return (await telemetry.proxies.CreateProxy(request, metadata=API_KEY)).proxy


async def update(telemetry: Telemetry, proxy_id: int, **fields: Any) -> proxy_pb2.Proxy:
    request = pb.UpdateProxyRequest(id=proxy_id, **fields)
    return (await telemetry.proxies.UpdateProxy(request, metadata=API_KEY)).proxy


async def remove(telemetry: Telemetry, proxy_id: int) -> None:
    await telemetry.proxies.DeleteProxy(pb.DeleteProxyRequest(id=proxy_id), metadata=API_KEY)


async def get(telemetry: Telemetry, proxy_id: int) -> proxy_pb2.Proxy:
    return (await telemetry.proxies.GetProxy(pb.GetProxyRequest(id=proxy_id), metadata=API_KEY)).proxy


async def page(telemetry: Telemetry, **fields: int) -> pb.ListProxiesResponse:
    return await telemetry.proxies.ListProxies(pb.ListProxiesRequest(**fields), metadata=API_KEY)


async def statuses(telemetry: Telemetry) -> dict[str, proxy_pb2.ProxyStatus]:
    response = await telemetry.proxies.GetIpStatus(pb.GetIpStatusRequest(), metadata=API_KEY)
    return {one.url: one for one in response.proxies}


async def health(telemetry: Telemetry, proxy_id: int) -> proxy_pb2.ProxyHealth:
    request = pb.GetProxyHealthRequest(id=proxy_id)
    return (await telemetry.proxies.GetProxyHealth(request, metadata=API_KEY)).health


async def use(telemetry: Telemetry, *successes: bool, url: str = URL, site: str = "shop.example") -> None:
    """Let sessions with the proxy end, one after the other."""

    def work(connection: Any) -> None:
        now = telemetry.clock()
        for success in successes:
            proxy_store.session_started(connection, url, country=None, now=now)
            proxy_store.session_ended(connection, url, site=site, success=success, now=now)

    await telemetry.database.write(work)


async def test_a_session_makes_its_proxy_known(telemetry: Telemetry) -> None:
    assert (await telemetry.http.get("/api/ip/status")).json() == {
        "proxies": [],
        "health": {"healthy": 0, "flagged": 0, "blacklisted": 0},
    }

    telemetry.clock.stopped_at = 1_769_688_000 * SECOND
    await telemetry.register("s1", proxy=URL, country="US")

    assert (await telemetry.http.get("/api/ip/status")).json() == {
        "proxies": [
            {
                "url": URL,
                "uses": 1,
                "successes": 0,
                "failures": 0,
                "success_rate": 0.0,
                "status": "healthy",
                "enabled": True,
                "last_used": "2026-01-29T12:00:00+00:00",
                "avg_latency_ms": None,
                "country": "US",
            }
        ],
        "health": {"healthy": 1, "flagged": 0, "blacklisted": 0},
    }


async def test_ended_sessions_count_for_their_proxy_and_its_site(telemetry: Telemetry) -> None:
    for number in range(5):
        target_url = "https://Shop.Example:8443/a?b"
        await telemetry.register(f"s{number}", proxy=URL, target_url=target_url)
        await telemetry.end(f"s{number}", success=number > 0)
    await telemetry.register("active", proxy=URL)

    status = (await statuses(telemetry))[URL]
    assert (status.uses, status.successes, status.failures) == (6, 4, 1)
    assert (status.success_rate, status.status) == (0.8, proxy_pb2.ProxyStatus.STATUS_HEALTHY)
    judged = await health(telemetry, (await page(telemetry)).proxies[0].id)
    assert judged.verdict == proxy_pb2.ProxyHealth.VERDICT_HEALTHY
    assert [one.site for one in judged.sites] == ["shop.example"]


async def test_the_most_used_proxy_comes_first(telemetry: Telemetry) -> None:
    await use(telemetry, True, url="a:1")
    await use(telemetry, True, True, url="b:1")
    await use(telemetry, True, False, url="c:1")

    assert list(await statuses(telemetry)) == ["b:1", "c:1", "a:1"]


async def test_the_newest_session_that_names_a_country_tells_it(telemetry: Telemetry) -> None:
    for number, country in enumerate(["US", "DE", None]):
        fields = {} if country is None else {"country": country}
        await telemetry.register(f"s{number}", proxy=URL, **fields)

    assert (await statuses(telemetry))[URL].country == "DE"
    known = (await page(telemetry)).proxies[0]
    assert not known.HasField("country")  # nobody has set one
    assert (await update(telemetry, known.id, country="NL")).figures.country == "NL"


async def test_the_mean_load_time_is_that_of_the_observed_loads(telemetry: Telemetry) -> None:
    await use(telemetry, True)
    await telemetry.database.write(
        lambda connection: proxy_store.loads_observed(connection, {URL: (4_000_000, 2), "unknown:1": (1, 1)})
    )
    assert (await statuses(telemetry))[URL].avg_latency_ms == 2000.0

    await telemetry.database.write(
        lambda connection: proxy_store.loads_observed(connection, {URL: (-1_000_000, -1), "other:1": (0, 0)})
    )
    assert (await statuses(telemetry))[URL].avg_latency_ms == 3000.0


async def test_removed_sessions_are_taken_off_the_figures(telemetry: Telemetry) -> None:
    await use(telemetry, True, True, False)
    await use(telemetry, True, url="b:1")
    await telemetry.database.write(lambda connection: proxy_store.loads_observed(connection, {URL: (5_000, 2)}))

    await create(telemetry, "c:1")
    await use(telemetry, True, url="c:1")
    of_one = ProxyFigures(1, 1, 0, 0, 0)
    gone = {URL: ProxyFigures(2, 1, 1, 5_000, 2), "b:1": of_one, "c:1": of_one}
    await telemetry.database.write(lambda connection: proxy_store.sessions_removed(connection, gone))

    found = await statuses(telemetry)
    assert (found[URL].uses, found[URL].successes, found[URL].failures) == (1, 1, 0)
    assert not found[URL].HasField("avg_latency_ms")
    # Nobody has set up the one, and no session names it any more.
    assert "b:1" not in found
    assert (found["c:1"].uses, found["c:1"].successes) == (0, 0)


async def test_three_failures_in_a_row_disable_a_proxy_for_half_an_hour(telemetry: Telemetry) -> None:
    telemetry.clock.stopped_at = now_micros()
    await use(telemetry, *[True] * 20, False, False, False)

    proxy = (await page(telemetry)).proxies[0]
    assert (proxy.enabled, proxy.figures.enabled) == (True, False)
    assert proxy.figures.status == proxy_pb2.ProxyStatus.STATUS_BLACKLISTED
    assert proxy.disabled_until.ToMicroseconds() == telemetry.clock() + HALF_HOUR

    telemetry.clock.ahead = HALF_HOUR
    tried = await get(telemetry, proxy.id)
    assert (tried.figures.enabled, tried.figures.status) == (True, proxy_pb2.ProxyStatus.STATUS_HEALTHY)
    assert not tried.HasField("disabled_until")

    await use(telemetry, False)
    assert not (await get(telemetry, proxy.id)).figures.enabled


async def test_enabling_a_proxy_ends_what_failures_did(telemetry: Telemetry) -> None:
    await use(telemetry, False, False, False)
    proxy = (await page(telemetry)).proxies[0]

    enabled = await update(telemetry, proxy.id, enabled=True)

    assert enabled.figures.enabled
    await use(telemetry, False, False)
    assert (await get(telemetry, proxy.id)).figures.enabled


async def test_a_proxy_that_was_switched_off_is_blacklisted(telemetry: Telemetry) -> None:
    proxy = await create(telemetry)

    off = await update(telemetry, proxy.id, enabled=False)

    assert (off.enabled, off.figures.enabled) == (False, False)
    assert off.figures.status == proxy_pb2.ProxyStatus.STATUS_BLACKLISTED
    response = await telemetry.http.get("/api/ip/status")
    assert response.json()["health"] == {"healthy": 0, "flagged": 0, "blacklisted": 1}


async def test_sessions_that_end_at_once_are_all_counted(telemetry: Telemetry) -> None:
    await asyncio.gather(*(use(telemetry, number % 2 == 0, url=f"p{number % 3}:1") for number in range(60)))

    found = await statuses(telemetry)
    assert [one.uses for one in found.values()] == [20, 20, 20]
    assert [one.successes + one.failures for one in found.values()] == [20, 20, 20]
    for proxy in (await page(telemetry)).proxies:
        (site,) = (await health(telemetry, proxy.id)).sites
        assert site.successes + site.failures == pytest.approx(20, abs=0.1)
        assert site.siblings_sample == pytest.approx(40, abs=0.1)


async def test_failures_that_come_at_once_are_all_in_the_row(telemetry: Telemetry) -> None:
    def end(connection: Any) -> None:
        proxy_store.session_ended(connection, URL, site="", success=False, now=telemetry.clock())

    await telemetry.register("s1", proxy=URL)
    await asyncio.gather(*(telemetry.database.write(end) for _ in range(20)))

    (proxy,) = (await page(telemetry)).proxies
    assert proxy.figures.failures == 20
    assert not proxy.figures.enabled
    assert (await health(telemetry, proxy.id)).reasons[-1].startswith("20 failures in a row disabled it until ")


async def test_a_proxy_is_set_up(telemetry: Telemetry) -> None:
    body = {"country": "US", "username": "ann", "password": PASSWORD, "max_leases": 3}

    response = await telemetry.http.post("/api/proxies", json={"url": "socks5://Proxy.Example:01080", **body})

    assert response.status_code == 201, response.text
    created = response.json()
    assert created["url"] == "socks5://proxy.example:1080"
    assert (created["country"], created["username"], created["max_leases"]) == ("US", "ann", 3)
    assert (created["has_password"], created["enabled"], created["active_leases"]) == (True, True, 0)
    assert (created["disabled_until"], created["figures"]["uses"]) == (None, 0)
    assert (await telemetry.http.get(f"/api/proxies/{created['id']}")).json() == created
    assert PASSWORD not in response.text


async def test_the_password_is_in_no_answer_and_not_stored_in_clear(telemetry: Telemetry) -> None:
    proxy = await create(telemetry, password=PASSWORD, request_id="k")
    texts = [
        (await telemetry.http.get("/api/proxies")).text,
        (await telemetry.http.get(f"/api/proxies/{proxy.id}/health")).text,
        (await telemetry.http.get("/api/ip/status")).text,
        (await telemetry.http.patch(f"/api/proxies/{proxy.id}", json={"password": PASSWORD})).text,
    ]

    stored = await telemetry.database.read(
        lambda connection: bytes(connection.exec_driver_sql("select password from proxies").scalar_one())
    )

    assert not [text for text in texts if PASSWORD in text]
    assert PASSWORD.encode() not in stored


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": "1.2.3.4"}, "url"),
        ({"url": "1.2.3.4:0"}, "url"),
        ({"url": "1.2.3.4:65536"}, "url"),
        ({"url": "ftp://1.2.3.4:1"}, "url"),
        ({"url": "ann:secret@1.2.3.4:1"}, "url"),  # user and password have their own fields
        ({"url": "1.2.3.4:1\n"}, "url"),
        ({"url": "a" * 511 + ":1"}, "url"),
        ({"url": URL, "max_leases": 0}, "max_leases"),
        ({"url": URL, "max_leases": 2.5}, "max_leases"),
        ({"url": URL, "country": "x" * 17}, "country"),
        ({"url": URL, "password": "x" * 257}, "password"),
    ],
)
async def test_a_proxy_out_of_bounds_is_refused(telemetry: Telemetry, body: dict[str, object], field: str) -> None:
    response = await telemetry.http.post("/api/proxies", json=body)

    assert response.status_code == 400, response.text
    assert field in response.json()["detail"]
    assert "secret" not in response.text
    assert (await page(telemetry)).total == 0


async def test_a_proxy_is_there_only_once(telemetry: Telemetry) -> None:
    first = await create(telemetry, "Proxy.example:080")

    code, sentence = await refused(create(telemetry, "proxy.EXAMPLE:80"))

    assert code == grpc.StatusCode.ALREADY_EXISTS
    assert sentence == f"Proxy proxy.example:80 is there already, with the number {first.id}"
    assert (await telemetry.http.post("/api/proxies", json={"url": "proxy.example:80"})).status_code == 409


async def test_a_proxy_that_sessions_have_named_can_be_set_up_once_and_keeps_its_figures(telemetry: Telemetry) -> None:
    await telemetry.register(proxy=URL)

    made = await create(telemetry, country="DE", max_leases=2)
    code, _ = await refused(create(telemetry))

    assert (made.figures.uses, made.country, made.max_leases) == (1, "DE", 2)
    assert code == grpc.StatusCode.ALREADY_EXISTS


async def test_of_two_that_set_up_the_same_proxy_at_once_one_is_refused(telemetry: Telemetry) -> None:
    answers = await asyncio.gather(*(create(telemetry) for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(answer, proxy_pb2.Proxy) for answer in answers) == 1
    assert (await page(telemetry)).total == 1


async def test_a_proxy_is_set_up_once_per_key(telemetry: Telemetry) -> None:
    first = await create(telemetry, password=PASSWORD, request_id="k")

    assert await create(telemetry, password=PASSWORD, request_id="k") == first
    code, _ = await refused(create(telemetry, password="another", request_id="k"))
    assert code == grpc.StatusCode.ABORTED


async def test_a_removed_proxy_is_gone_and_a_session_brings_it_back(telemetry: Telemetry) -> None:
    proxy = await create(telemetry, country="NL", username="ann", password=PASSWORD, max_leases=1)
    await use(telemetry, True, False)

    await remove(telemetry, proxy.id)

    assert (await page(telemetry)).total == 0
    assert await statuses(telemetry) == {}
    for call in (get, health, remove, update):
        assert await refused(call(telemetry, proxy.id)) == (grpc.StatusCode.NOT_FOUND, "Proxy not found")

    await use(telemetry, True)
    back = await get(telemetry, proxy.id)
    assert (back.figures.uses, back.figures.successes, back.figures.failures) == (3, 2, 1)
    # What an operator has taken out does not come back by itself.
    assert (back.has_password, back.HasField("username"), back.HasField("max_leases")) == (False, False, False)


async def test_a_session_that_ends_does_not_bring_a_proxy_back(telemetry: Telemetry) -> None:
    await telemetry.register("s1", proxy=URL)
    proxy = (await page(telemetry)).proxies[0]
    await remove(telemetry, proxy.id)

    await telemetry.end("s1")

    assert (await page(telemetry)).total == 0
    assert (await create(telemetry)).figures.successes == 1


async def test_a_removed_proxy_is_set_up_again_with_its_figures(telemetry: Telemetry) -> None:
    first = await create(telemetry, username="ann")
    await use(telemetry, True)
    await update(telemetry, first.id, enabled=False)
    await remove(telemetry, first.id)

    again = await create(telemetry, username="bob")

    assert (again.id, again.username, again.enabled, again.figures.successes) == (first.id, "bob", True, 1)


async def test_an_update_changes_what_it_names_and_clears_what_has_no_value(telemetry: Telemetry) -> None:
    proxy = await create(telemetry, country="US", username="ann", password=PASSWORD, max_leases=3)
    path = f"/api/proxies/{proxy.id}"

    changed = (await telemetry.http.patch(path, json={"country": "NL", "max_leases": None})).json()
    assert (changed["country"], changed["max_leases"], changed["username"]) == ("NL", None, "ann")

    cleared = (await telemetry.http.patch(path, json={"update_mask": "password,maxLeases,username"})).json()
    assert (cleared["has_password"], cleared["max_leases"], cleared["username"]) == (False, None, None)
    assert cleared["country"] == "NL"


async def test_a_mask_that_names_something_else_is_refused(telemetry: Telemetry) -> None:
    proxy = await create(telemetry)

    response = await telemetry.http.patch(f"/api/proxies/{proxy.id}", json={"update_mask": "url"})

    assert response.status_code == 400
    assert response.json()["detail"] == ("update_mask must name only country, username, password, enabled, max_leases")


async def test_proxies_are_listed_by_number(telemetry: Telemetry) -> None:
    numbers = [(await create(telemetry, f"p{number}:1")).id for number in range(5)]

    second = await page(telemetry, page=2, per_page=2)

    assert [one.id for one in second.proxies] == numbers[2:4]
    assert (second.total, second.page, second.per_page, second.total_pages) == (5, 2, 2, 3)
    beyond = await page(telemetry, page=2_000_000_000, per_page=100)
    assert (list(beyond.proxies), beyond.total) == ([], 5)
    assert (await telemetry.http.get("/api/proxies?per_page=101")).status_code == 400


async def test_health_tells_site_by_site_and_why(telemetry: Telemetry) -> None:
    proxy = await create(telemetry)
    await use(telemetry, *[True] * 10, url="other:1")
    await use(telemetry, *[False] * 10, url="other:1", site="wall.example")
    await use(telemetry, *[True, False] * 5)
    await use(telemetry, *[False] * 8, site="wall.example")

    response = await telemetry.http.get(f"/api/proxies/{proxy.id}/health")

    told = response.json()
    assert (told["url"], told["verdict"]) == (URL, "flagged")
    assert told["score"] == pytest.approx(0.5, abs=0.01)
    assert told["sample"] == pytest.approx(10, abs=0.1)
    assert [(one["site"], one["counts"]) for one in told["sites"]] == [("shop.example", True), ("wall.example", False)]
    assert told["reasons"][0] == (
        "It had 50 % of the success to be expected of 10.0 sessions: flagged, as healthy takes 80 %."
    )
    assert told["reasons"][1] == "shop.example: 50 % of 10.0 sessions succeeded, with other proxies 100 % of 10.0."
    assert told["reasons"][2] == "Not held against it, as everyone is refused there: wall.example."
    assert told["reasons"][3].startswith("9 failures in a row disabled it until ")


async def test_health_forgets(telemetry: Telemetry) -> None:
    proxy = await create(telemetry)
    await use(telemetry, *[False] * 8)
    assert (await health(telemetry, proxy.id)).verdict == proxy_pb2.ProxyHealth.VERDICT_BLACKLISTED

    telemetry.clock.ahead = 6 * 3600 * SECOND
    later = await health(telemetry, proxy.id)
    assert later.sample == pytest.approx(4, abs=0.1)
    assert later.verdict == proxy_pb2.ProxyHealth.VERDICT_UNPROVEN

    telemetry.clock.ahead = 10 * 24 * 3600 * SECOND
    assert (await health(telemetry, proxy.id)).sites == []


async def test_a_site_without_siblings_has_no_rate_of_theirs(telemetry: Telemetry) -> None:
    proxy = await create(telemetry)
    await use(telemetry, True, True, site="")

    (site,) = (await telemetry.http.get(f"/api/proxies/{proxy.id}/health")).json()["sites"]

    assert (site["site"], site["siblings_success_rate"], site["siblings_sample"]) == ("", None, 0.0)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/ip/status"),
        ("GET", "/api/proxies"),
        ("GET", "/api/proxies/1"),
        ("POST", "/api/proxies"),
        ("PATCH", "/api/proxies/1"),
        ("DELETE", "/api/proxies/1"),
        ("GET", "/api/proxies/1/health"),
        ("POST", "/api/proxies/lease"),
        ("DELETE", "/api/proxies/leases/x"),
    ],
)
async def test_a_credential_of_a_tenant_is_refused(telemetry: Telemetry, method: str, path: str) -> None:
    body = {"url": URL} if method == "POST" else None
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(telemetry.gateway, client=("127.0.0.1", 1)), base_url="http://127.0.0.1:8000"
    ) as stranger:
        response = await stranger.request(method, path, json=body, headers=dict(bearer("acme")))

    assert response.status_code == 403
    assert response.json()["detail"] == "Insufficient permissions. Telemetry belongs to the whole installation"


async def test_a_worker_may_lease_and_nothing_else(telemetry: Telemetry) -> None:
    await create(telemetry)

    lease = await telemetry.proxies.LeaseProxy(pb.LeaseProxyRequest(), metadata=WORKER)
    await telemetry.proxies.ReleaseProxy(pb.ReleaseProxyRequest(lease_id=lease.lease_id), metadata=WORKER)

    code, _ = await refused(telemetry.proxies.ListProxies(pb.ListProxiesRequest(), metadata=WORKER))
    assert code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)


async def test_a_repeated_call_with_a_password_gives_the_first_answer_whatever_happened_since(
    telemetry: Telemetry,
) -> None:
    answers = await asyncio.gather(*(create(telemetry, password=PASSWORD, request_id="k") for _ in range(8)))
    await update(telemetry, answers[0].id, password="another")

    assert {answer.id for answer in answers} == {answers[0].id}
    assert await create(telemetry, password=PASSWORD, request_id="k") == answers[0]
