"""ProxyService: proxies, how they fare, and which one to use next, as the wire says them."""

from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.clock import Clock
from server.database.database import Database
from server.database.text import storable
from server.errors import InvalidArgument, NotFound
from server.paging import page_count
from server.rpc import idempotency
from server.rpc.idempotency import IdempotencyKey
from server.secret_box import SecretBox
from server.telemetry.access import tenantless
from server.telemetry.proxies import (
    proxy_change,
    proxy_health,
    proxy_lease,
    proxy_lease_store,
    proxy_store,
    proxy_url,
    proxy_view,
)
from server.telemetry.proxies.proxy_judgements import Judgements
from server.telemetry.proxies.proxy_lease import Wanted
from server.telemetry.proxies.proxy_row import NewProxy, ProxyRow
from server.telemetry.sessions.addresses import site_of
from switchyard.telemetry.v1 import proxy_pb2
from switchyard.telemetry.v1 import proxy_service_pb2 as pb
from switchyard.telemetry.v1 import proxy_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_PER_PAGE: Final = 20
DEFAULT_LEASE_SECONDS: Final = 300


class ProxyService(pb_grpc.ProxyServiceServicer):
    """Serves proxies to operators, and leases of them to whoever drives a browser."""

    def __init__(self, database: Database, secret_box: SecretBox, clock: Clock) -> None:
        self._database = database
        self._secret_box = secret_box
        self._clock = clock
        self._judgements = Judgements(database)

    async def GetIpStatus(self, _request: pb.GetIpStatusRequest, _context: Context) -> pb.GetIpStatusResponse:
        """Read every proxy by the fixed rule."""
        tenantless()
        now = self._clock()
        statuses = await self._database.scan(lambda connection: proxy_store.all_statuses(connection, now))
        return pb.GetIpStatusResponse(proxies=statuses, health=proxy_view.counts(statuses))

    async def ListProxies(self, request: pb.ListProxiesRequest, _context: Context) -> pb.ListProxiesResponse:
        """List a page of proxies."""
        tenantless()
        now = self._clock()
        page = request.page if request.HasField("page") else 1
        per_page = request.per_page if request.HasField("per_page") else DEFAULT_PER_PAGE

        def query(connection: sa.Connection) -> tuple[int, list[proxy_pb2.Proxy]]:
            rows = proxy_store.page(connection, offset=(page - 1) * per_page, limit=per_page)
            live = proxy_lease_store.live_of(connection, [row.id for row in rows], now=now)
            proxies = [proxy_view.proxy(row, active_leases=live.get(row.id, 0), now=now) for row in rows]
            return proxy_store.count(connection), proxies

        total, proxies = await self._database.scan(query)
        return pb.ListProxiesResponse(
            proxies=proxies, total=total, page=page, per_page=per_page, total_pages=page_count(total, per_page)
        )

    async def GetProxy(self, request: pb.GetProxyRequest, _context: Context) -> pb.GetProxyResponse:
        """Read one proxy."""
        tenantless()
        now = self._clock()

        def query(connection: sa.Connection) -> proxy_pb2.Proxy:
            return _message(connection, proxy_store.require(connection, request.id), now=now)

        return pb.GetProxyResponse(proxy=await self._database.read(query))

    async def CreateProxy(self, request: pb.CreateProxyRequest, _context: Context) -> pb.CreateProxyResponse:
        """Set up a proxy."""
        tenantless()
        url = proxy_url.normal_url(request.url)
        password = self._secret_box.encrypt(request.password) if request.password else None
        new = NewProxy(
            url=url,
            country=storable(request.country) or None,
            username=storable(request.username) or None,
            password=password,
            max_leases=request.max_leases if request.HasField("max_leases") else None,
        )
        key = IdempotencyKey.of_call(request.request_id, "CreateProxy")
        kept = pb.CreateProxyRequest()
        kept.CopyFrom(request)
        # Compared with a repeated call, and no easier way to the password than what is stored of it.
        kept.password = self._secret_box.fingerprint(request.password)

        def work(connection: sa.Connection) -> pb.CreateProxyResponse:
            now = self._clock()
            answered = idempotency.remember(connection, key, kept, now=now)
            if answered is not None:
                return pb.CreateProxyResponse.FromString(answered)
            row = proxy_store.add(connection, new)
            response = pb.CreateProxyResponse(proxy=_message(connection, row, now=now))
            idempotency.store_answer(connection, key, response)
            return response

        return await self._database.write(work)

    async def UpdateProxy(self, request: pb.UpdateProxyRequest, _context: Context) -> pb.UpdateProxyResponse:
        """Change a proxy."""
        tenantless()
        password = self._secret_box.encrypt(request.password) if request.password else None

        def work(connection: sa.Connection) -> proxy_pb2.Proxy:
            row = proxy_store.require_locked(connection, request.id)
            changed = proxy_change.changed(row, request, password=password)
            proxy_store.change(connection, changed)
            return _message(connection, changed, now=self._clock())

        return pb.UpdateProxyResponse(proxy=await self._database.write(work))

    async def DeleteProxy(self, request: pb.DeleteProxyRequest, _context: Context) -> pb.DeleteProxyResponse:
        """Take a proxy out, with its leases."""
        tenantless()

        def work(connection: sa.Connection) -> None:
            proxy_lease_store.lock_all(connection)
            row = proxy_store.require_locked(connection, request.id)
            proxy_store.remove(connection, row)
            proxy_lease_store.forget_proxy(connection, row.id)

        await self._database.write(work)
        return pb.DeleteProxyResponse(ok=True)

    async def GetProxyHealth(self, request: pb.GetProxyHealthRequest, _context: Context) -> pb.GetProxyHealthResponse:
        """Read how a proxy fares as far as it is to blame."""
        tenantless()
        now = self._clock()

        def query(connection: sa.Connection) -> proxy_pb2.ProxyHealth:
            row = proxy_store.require(connection, request.id)
            figures = proxy_store.site_figures(connection, [row.id], now=now)
            return proxy_view.health(row, proxy_health.judge(figures.get(row.id, ())), now=now)

        return pb.GetProxyHealthResponse(health=await self._database.scan(query))

    async def LeaseProxy(self, request: pb.LeaseProxyRequest, _context: Context) -> pb.LeaseProxyResponse:
        """Give the best proxy for a site."""
        tenantless()
        wanted = _wanted(request)
        key = IdempotencyKey.of_call(request.request_id, "LeaseProxy")
        # Before the unit of work, which others wait for.
        healths = await self._judgements.all(now=self._clock())

        def work(connection: sa.Connection) -> pb.LeaseProxyResponse:
            now = self._clock()
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                return proxy_lease.unsealed(earlier, self._secret_box)
            response = proxy_lease.lease(connection, wanted, healths, self._secret_box, now=now)
            idempotency.store_answer(connection, key, proxy_lease.sealed(response, self._secret_box))
            return response

        return await self._database.write(work)

    async def ReleaseProxy(self, request: pb.ReleaseProxyRequest, _context: Context) -> pb.ReleaseProxyResponse:
        """Give a lease back."""
        tenantless()
        if not proxy_lease_store.is_id(request.lease_id):
            raise NotFound("Lease not found", lease_id=request.lease_id)
        await self._database.write(
            lambda connection: proxy_lease_store.release(connection, request.lease_id, now=self._clock())
        )
        return pb.ReleaseProxyResponse(ok=True)


def _message(connection: sa.Connection, row: ProxyRow, *, now: int) -> proxy_pb2.Proxy:
    live = proxy_lease_store.live_of(connection, [row.id], now=now)
    return proxy_view.proxy(row, active_leases=live.get(row.id, 0), now=now)


def _wanted(request: pb.LeaseProxyRequest) -> Wanted:
    """Return what is asked for.

    Raises:
        InvalidArgument: the site cannot be read.
    """
    site = site_of(storable(request.site))
    if request.site and not site:
        raise InvalidArgument.field("site", "must be a host name, or a URL with one")
    return Wanted(
        site=site,
        country=storable(request.country),
        sticky_key=storable(request.sticky_key),
        seconds=request.lease_seconds if request.HasField("lease_seconds") else DEFAULT_LEASE_SECONDS,
    )
