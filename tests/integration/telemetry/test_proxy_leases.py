"""Leases of proxies over the wire."""

import asyncio
from collections import Counter
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from server.clock import SECOND
from server.telemetry.proxies import proxy_store
from switchyard.telemetry.v1 import proxy_pb2
from switchyard.telemetry.v1 import proxy_service_pb2 as pb
from tests.integration.telemetry.serving import API_KEY, Telemetry, refused

NO_PROXY = grpc.StatusCode.FAILED_PRECONDITION


async def create(telemetry: Telemetry, url: str, **fields: Any) -> int:
    request = pb.CreateProxyRequest(url=url, **fields)
    return (await telemetry.proxies.CreateProxy(request, metadata=API_KEY)).proxy.id


async def lease(telemetry: Telemetry, site: str = "", **fields: Any) -> pb.LeaseProxyResponse:
    return await telemetry.proxies.LeaseProxy(pb.LeaseProxyRequest(site=site, **fields), metadata=API_KEY)


async def release(telemetry: Telemetry, lease_id: str) -> None:
    await telemetry.proxies.ReleaseProxy(pb.ReleaseProxyRequest(lease_id=lease_id), metadata=API_KEY)


async def get(telemetry: Telemetry, proxy_id: int) -> proxy_pb2.Proxy:
    return (await telemetry.proxies.GetProxy(pb.GetProxyRequest(id=proxy_id), metadata=API_KEY)).proxy


async def switch_off(telemetry: Telemetry, proxy_id: int) -> None:
    request = pb.UpdateProxyRequest(id=proxy_id, enabled=False)
    await telemetry.proxies.UpdateProxy(request, metadata=API_KEY)


async def use(telemetry: Telemetry, url: str, *successes: bool, site: str = "shop.example") -> None:
    """Let sessions with a proxy end, one after the other."""

    def work(connection: Any) -> None:
        for success in successes:
            proxy_store.session_started(connection, url, country=None, now=telemetry.clock())
            proxy_store.session_ended(connection, url, site=site, success=success, now=telemetry.clock())

    await telemetry.database.write(work)


async def test_a_lease_has_all_that_is_needed_to_connect(telemetry: Telemetry) -> None:
    proxy_id = await create(telemetry, "http://proxy.example:8080", username="ann", password="correct horse")
    telemetry.clock.stopped_at = 1_769_688_000 * SECOND

    response = await telemetry.http.post("/api/proxies/lease", json={"site": "https://Shop.Example:443/x"})

    assert response.status_code == 200, response.text
    given = response.json()
    assert given.pop("lease_id")
    assert given == {
        "proxy_id": proxy_id,
        "url": "http://proxy.example:8080",
        "username": "ann",
        "password": "correct horse",
        "expire_time": "2026-01-29T12:05:00+00:00",
        "reasons": ["Score 1.00 given to what is unproven; no other proxy is fit."],
    }
    assert (await get(telemetry, proxy_id)).active_leases == 1


async def test_a_proxy_without_credentials_has_none_in_its_lease(telemetry: Telemetry) -> None:
    await create(telemetry, "a:1")

    given = (await telemetry.http.post("/api/proxies/lease", json={})).json()

    assert (given["username"], given["password"]) == (None, None)


async def test_the_best_proxy_at_the_site_is_leased(telemetry: Telemetry) -> None:
    for url, failures in (("a:1", 2), ("b:1", 1), ("c:1", 2)):
        await use(telemetry, url, *[True] * 8, *[False] * failures)
    # Elsewhere the last one is the best.
    await use(telemetry, "c:1", *[True] * 50, site="other.example")

    assert (await lease(telemetry, "shop.example")).url == "b:1"
    elsewhere = await lease(telemetry, "OTHER.example")
    assert elsewhere.url == "c:1"
    assert elsewhere.reasons[0].startswith("Score 1.00 at other.example, the best of 3 fit proxies")


async def test_a_proxy_that_only_one_site_refuses_is_used_for_others(telemetry: Telemetry) -> None:
    await use(telemetry, "a:1", *[True] * 50, site="fine.example")
    await use(telemetry, "b:1", *[True] * 5, site="fine.example")
    await use(telemetry, "b:1", *[True] * 10)
    await use(telemetry, "a:1", False, False, True, *[False, False, True] * 3)

    assert (await lease(telemetry, "shop.example")).url == "b:1"
    assert (await lease(telemetry, "fine.example")).url == "a:1"


async def test_a_lease_knows_of_a_session_that_has_just_ended(telemetry: Telemetry) -> None:
    await create(telemetry, "a:1")
    await use(telemetry, "b:1", *[True] * 8, False)
    assert (await lease(telemetry, "shop.example")).url == "a:1"

    await use(telemetry, "a:1", *[True, True, False] * 3)

    assert (await lease(telemetry, "shop.example")).url == "b:1"


async def test_a_lease_knows_of_what_happened_to_the_siblings_soon(telemetry: Telemetry) -> None:
    await use(telemetry, "a:1", *[False, True] * 5)
    await use(telemetry, "b:1", *[True] * 10)
    first = await lease(telemetry, "shop.example")
    assert (first.url, first.reasons[0]) == ("b:1", "Score 1.00 at shop.example, the best of 2 fit proxies.")
    # Everybody has trouble now, the first one just had it before.
    await use(telemetry, "b:1", *[False, False, True] * 10)

    telemetry.clock.ahead = 11 * SECOND

    # Both have the same score now, and the first one is not leased.
    assert (await lease(telemetry, "shop.example")).url == "a:1"


async def test_equal_proxies_take_turns(telemetry: Telemetry) -> None:
    for number in range(3):
        await create(telemetry, f"p{number}:1")

    used = []
    for _ in range(6):
        given = await lease(telemetry)
        used.append(given.url)
        await release(telemetry, given.lease_id)

    assert used == ["p0:1", "p1:1", "p2:1"] * 2


async def test_proxies_take_turns_while_the_clock_stands_still(telemetry: Telemetry) -> None:
    for number in range(3):
        await create(telemetry, f"p{number}:1")
    telemetry.clock.stopped_at = telemetry.clock()

    used = []
    for _ in range(6):
        given = await lease(telemetry)
        used.append(given.url)
        await release(telemetry, given.lease_id)

    assert used == ["p0:1", "p1:1", "p2:1"] * 2


async def test_the_fewest_leases_come_first(telemetry: Telemetry) -> None:
    for number in range(3):
        await create(telemetry, f"p{number}:1")

    given = await asyncio.gather(*(lease(telemetry) for _ in range(12)))

    assert Counter(one.url for one in given) == {"p0:1": 4, "p1:1": 4, "p2:1": 4}
    assert len({one.lease_id for one in given}) == 12


async def test_leases_at_once_never_exceed_the_limit(telemetry: Telemetry) -> None:
    limits = {await create(telemetry, f"p{limit}:1", max_leases=limit): limit for limit in (1, 2, 3)}

    answers = await asyncio.gather(*(lease(telemetry) for _ in range(20)), return_exceptions=True)

    given = [answer for answer in answers if isinstance(answer, pb.LeaseProxyResponse)]
    assert Counter(one.proxy_id for one in given) == limits
    refusals = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert {(one.code(), one.details()) for one in refusals} == {(NO_PROXY, "3 proxies: 3 at their limit of leases")}


async def test_a_lease_ends_by_itself(telemetry: Telemetry) -> None:
    proxy_id = await create(telemetry, "a:1", max_leases=1)
    await lease(telemetry, lease_seconds=60)
    await refused(lease(telemetry))

    telemetry.clock.ahead = 60 * SECOND

    assert (await get(telemetry, proxy_id)).active_leases == 0
    await lease(telemetry)
    stored = await telemetry.database.read(
        lambda connection: connection.exec_driver_sql("select count(*) from proxy_leases").scalar_one()
    )
    assert stored == 1  # the one that ended was cleared away


async def test_a_lease_is_given_back_once_and_for_all(telemetry: Telemetry) -> None:
    proxy_id = await create(telemetry, "a:1", max_leases=1)
    first = await lease(telemetry)

    response = await telemetry.http.delete(f"/api/proxies/leases/{first.lease_id}")

    assert (response.status_code, response.json()) == (200, {"ok": True})
    assert (await get(telemetry, proxy_id)).active_leases == 0
    second = await lease(telemetry)
    await release(telemetry, first.lease_id)  # it has ended; the other one is not touched
    assert (await get(telemetry, proxy_id)).active_leases == 1
    await release(telemetry, second.lease_id)


@pytest.mark.parametrize("lease_id", ["nope", "0" * 33, "\x00", "é" * 300])
async def test_what_is_no_lease_is_not_found(telemetry: Telemetry, lease_id: str) -> None:
    assert await refused(release(telemetry, lease_id)) == (grpc.StatusCode.NOT_FOUND, "Lease not found")


async def test_without_a_fit_proxy_the_refusal_counts_the_reasons(telemetry: Telemetry) -> None:
    assert await refused(lease(telemetry)) == (NO_PROXY, "No proxy is known")
    await use(telemetry, "a:1", False, False, False)
    await use(telemetry, "b:1", *[True] * 4, *[False, False, True] * 20)
    await create(telemetry, "c:1", country="DE")
    await switch_off(telemetry, await create(telemetry, "d:1", country="US"))
    await create(telemetry, "e:1", country="us", max_leases=1)
    for url in ("a:1", "b:1"):
        await telemetry.register(url, proxy=url, country="US")
    await lease(telemetry, country="US")

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await lease(telemetry, country="US")

    assert refusal.value.details() == (
        "5 proxies: 1 of another country, 1 switched off, 1 disabled by failures, 1 blacklisted by its health,"
        " 1 at its limit of leases"
    )
    info = error_details_pb2.ErrorInfo()
    assert rpc_status.from_call(cast("grpc.Call", refusal.value)).details[0].Unpack(info)
    assert info.reason == "ERROR_REASON_NO_PROXY"
    response = await telemetry.http.post("/api/proxies/lease", json={"country": "US"})
    assert response.status_code == 409
    assert response.json()["detail"] == refusal.value.details()


async def test_only_proxies_of_the_country_are_leased(telemetry: Telemetry) -> None:
    await create(telemetry, "a:1", country="DE")
    await create(telemetry, "b:1", country="NL")
    await telemetry.register("s1", proxy="b:1", country="DE")  # what an operator has set counts

    given = [(await lease(telemetry, country="nl")).url for _ in range(3)]

    assert given == ["b:1"] * 3


async def test_a_sticky_key_gets_the_same_proxy_and_prolongs_its_lease(telemetry: Telemetry) -> None:
    for number in range(3):
        await create(telemetry, f"p{number}:1", max_leases=1)
    first = await lease(telemetry, "shop.example", sticky_key="anna", lease_seconds=60)

    telemetry.clock.ahead = 59 * SECOND
    again = await lease(telemetry, "https://shop.example/", sticky_key="anna", lease_seconds=60)

    assert (again.lease_id, again.url) == (first.lease_id, first.url)
    assert again.expire_time.ToMicroseconds() >= first.expire_time.ToMicroseconds() + 59 * SECOND
    assert list(again.reasons) == ["The sticky key holds it already; its lease is prolonged."]
    assert (await get(telemetry, first.proxy_id)).active_leases == 1


async def test_a_lease_is_never_shortened(telemetry: Telemetry) -> None:
    await create(telemetry, "a:1")
    first = await lease(telemetry, sticky_key="anna", lease_seconds=3600)

    again = await lease(telemetry, sticky_key="anna", lease_seconds=1)

    assert again.expire_time == first.expire_time


async def test_another_key_or_another_site_is_another_lease(telemetry: Telemetry) -> None:
    for number in range(3):
        await create(telemetry, f"p{number}:1")
    wanted = [("a.example", "anna"), ("a.example", "bert"), ("b.example", "anna")]

    given = [await lease(telemetry, site, sticky_key=key) for site, key in wanted]

    assert len({one.lease_id for one in given}) == 3
    assert len({one.url for one in given}) == 3


async def test_a_sticky_key_whose_proxy_is_not_fit_any_more_gets_another_one_and_hears_why(
    telemetry: Telemetry,
) -> None:
    first = await create(telemetry, "a:1")
    second = await create(telemetry, "b:1")
    held = await lease(telemetry, sticky_key="anna")
    assert held.proxy_id == first
    await use(telemetry, "a:1", False, False, False)

    moved = await lease(telemetry, sticky_key="anna")

    assert moved.proxy_id == second
    assert moved.lease_id != held.lease_id
    assert moved.reasons[0] == f"The proxy the sticky key held, number {first}, is disabled by failures."
    assert (await get(telemetry, first)).active_leases == 0
    assert (await lease(telemetry, sticky_key="anna")).lease_id == moved.lease_id


async def test_a_sticky_key_keeps_its_proxy_when_none_other_is_fit_either(telemetry: Telemetry) -> None:
    first = await create(telemetry, "a:1")
    await lease(telemetry, sticky_key="anna")
    await switch_off(telemetry, first)

    assert await refused(lease(telemetry, sticky_key="anna")) == (NO_PROXY, "1 proxy: 1 switched off")

    assert (await get(telemetry, first)).active_leases == 1  # a refusal changes nothing


async def test_many_that_ask_with_one_sticky_key_at_once_get_one_lease(telemetry: Telemetry) -> None:
    for number in range(4):
        await create(telemetry, f"p{number}:1")

    given = await asyncio.gather(*(lease(telemetry, sticky_key="anna") for _ in range(10)))

    assert len({one.lease_id for one in given}) == 1


async def test_a_removed_proxy_is_not_leased_and_its_leases_are_gone(telemetry: Telemetry) -> None:
    proxy_id = await create(telemetry, "a:1")
    held = await lease(telemetry, sticky_key="anna")

    await telemetry.proxies.DeleteProxy(pb.DeleteProxyRequest(id=proxy_id), metadata=API_KEY)

    assert await refused(lease(telemetry, sticky_key="anna")) == (NO_PROXY, "No proxy is known")
    await release(telemetry, held.lease_id)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"lease_seconds": 0}, "lease_seconds"),
        ({"lease_seconds": 86_401}, "lease_seconds"),
        ({"site": "http://["}, "site"),
        ({"site": "https://"}, "site"),
        ({"site": "x" * 2049}, "site"),
        ({"sticky_key": "x" * 129}, "sticky_key"),
        ({"country": "x" * 17}, "country"),
    ],
)
async def test_a_wish_out_of_bounds_is_refused(telemetry: Telemetry, body: dict[str, object], field: str) -> None:
    await create(telemetry, "a:1")

    response = await telemetry.http.post("/api/proxies/lease", json=body)

    assert response.status_code == 400
    assert field in response.json()["detail"]


async def test_hostile_text_is_kept_out_of_the_statements(telemetry: Telemetry) -> None:
    await create(telemetry, "a:1")
    text = "'; drop table proxies; --\x00\u202e%_"

    given = await lease(telemetry, "shop.example", sticky_key=text)

    assert (await lease(telemetry, "shop.example", sticky_key=text)).lease_id == given.lease_id


async def test_a_repeated_lease_is_answered_with_the_first_one(telemetry: Telemetry) -> None:
    first_proxy = await create(telemetry, "a:1", password="correct horse")
    await create(telemetry, "b:1")
    body = {"site": "shop.example", "lease_seconds": 60}
    headers = {"Idempotency-Key": "k"}

    first = await telemetry.http.post("/api/proxies/lease", json=body, headers=headers)
    telemetry.clock.ahead = 3600 * SECOND
    again = await telemetry.http.post("/api/proxies/lease", json=body, headers=headers)

    assert (first.status_code, first.json()["password"]) == (200, "correct horse")
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await get(telemetry, first_proxy)).active_leases == 0


async def test_leases_asked_for_at_once_with_one_key_are_one(telemetry: Telemetry) -> None:
    proxy_id = await create(telemetry, "a:1")

    given = await asyncio.gather(*(lease(telemetry, request_id="k") for _ in range(8)))

    assert len({one.lease_id for one in given}) == 1
    assert (await get(telemetry, proxy_id)).active_leases == 1


async def test_a_key_that_came_with_another_request_is_refused(telemetry: Telemetry) -> None:
    await create(telemetry, "a:1")
    await lease(telemetry, "shop.example", request_id="k")

    code, _ = await refused(lease(telemetry, "other.example", request_id="k"))

    assert code is grpc.StatusCode.ABORTED


async def test_a_key_that_got_no_proxy_may_be_used_again(telemetry: Telemetry) -> None:
    code, _ = await refused(lease(telemetry, request_id="k"))
    await create(telemetry, "a:1")

    assert code is NO_PROXY
    assert (await lease(telemetry, request_id="k")).url == "a:1"


@pytest.mark.parametrize("telemetry", ["sqlite"], indirect=True)
async def test_no_password_is_kept_with_the_answer_to_a_key(telemetry: Telemetry) -> None:
    await create(telemetry, "a:1", password="correct horse")

    await lease(telemetry, request_id="k")

    assert not any(b"correct horse" in file.read_bytes() for file in telemetry.data_dir.iterdir())
