"""`client.proxies`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import field_mask_pb2
from switchyard.telemetry.v1 import proxy_pb2
from switchyard.telemetry.v1 import proxy_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import proxies as methods


class Proxies:
    """Proxies and how fit they are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._get_ip_status = connection.unary(methods.GET_IP_STATUS)
        self._get = connection.unary(methods.GET)
        self._create = connection.unary(methods.CREATE)
        self._update = connection.unary(methods.UPDATE)
        self._delete = connection.unary(methods.DELETE)
        self._get_health = connection.unary(methods.GET_HEALTH)
        self._lease = connection.unary(methods.LEASE)
        self._release = connection.unary(methods.RELEASE)

    async def get_ip_status(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> proxy_service_pb2.GetIpStatusResponse:
        """Reads every proxy by the fixed rule, most used first."""
        request = methods.GET_IP_STATUS.request(
        )
        return await self._get_ip_status(request, timeout, headers)

    def list(
        self,
        *,
        page: int | None = None,
        per_page: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[proxy_service_pb2.ListProxiesResponse, proxy_pb2.Proxy]:
        """Lists proxies by number.

        Errors: INVALID_ARGUMENT.

        Args:
            page: From 1. A page beyond the end is empty.
            per_page: 1 to 100.
        """
        request = methods.LIST.method.request(
            page=page,
            per_page=per_page,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    async def get(
        self,
        id: int,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> proxy_pb2.Proxy:
        """Reads one proxy.

        Errors: NOT_FOUND.

        Args:
            id: Its number.
        """
        request = methods.GET.request(
            id=id,
        )
        return (await self._get(request, timeout, headers)).proxy

    async def create(
        self,
        *,
        url: str,
        country: str | None = None,
        username: str | None = None,
        password: str | None = None,
        max_leases: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> proxy_pb2.Proxy:
        """Sets up a proxy; one that sessions have named keeps its figures.

        Errors: INVALID_ARGUMENT; ALREADY_EXISTS; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            url: Its address, without user and password.
            country: Country code.
            username: User it wants.
            password: Password it wants. Kept encrypted.
            max_leases: Leases it may have at once.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.CREATE.request(
            url=url,
            country=country,
            username=username,
            password=password,
            max_leases=max_leases,
            request_id=request_id or new_key(),
        )
        return (await self._create(request, timeout, headers)).proxy

    async def update(
        self,
        id: int,
        *,
        country: str | None = None,
        username: str | None = None,
        password: str | None = None,
        enabled: bool | None = None,
        max_leases: int | None = None,
        update_mask: Mapping[str, Any] | field_mask_pb2.FieldMask | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> proxy_pb2.Proxy:
        """Changes a proxy. `enabled` set to true also ends what failures did to it.

        Errors: INVALID_ARGUMENT; NOT_FOUND.

        Args:
            id: Its number.
            country: Country code.
            username: User it wants.
            password: Password it wants.
            enabled: Whether it may be used at all.
            max_leases: Leases it may have at once.
            update_mask: What of the above is meant: country, username, password, enabled, max_leases, or "*" for
                all of them. Unset: what has a value; in a JSON body also what is null.
        """
        request = methods.UPDATE.request(
            id=id,
            country=country,
            username=username,
            password=password,
            enabled=enabled,
            max_leases=max_leases,
            update_mask=update_mask,
        )
        return (await self._update(request, timeout, headers)).proxy

    async def delete(
        self,
        id: int,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> proxy_service_pb2.DeleteProxyResponse:
        """Takes a proxy out. Its sessions stay, and when one names it again it is back, with its figures.

        Errors: NOT_FOUND.

        Args:
            id: Its number.
        """
        request = methods.DELETE.request(
            id=id,
        )
        return await self._delete(request, timeout, headers)

    async def get_health(
        self,
        id: int,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> proxy_pb2.ProxyHealth:
        """Reads how a proxy fares as far as it is to blame, with the reasons.

        Errors: NOT_FOUND.

        Args:
            id: Its number.
        """
        request = methods.GET_HEALTH.request(
            id=id,
        )
        return (await self._get_health(request, timeout, headers)).health

    async def lease(
        self,
        *,
        site: str | None = None,
        country: str | None = None,
        sticky_key: str | None = None,
        lease_seconds: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> proxy_service_pb2.LeaseProxyResponse:
        """Gives the best proxy for a site: the highest score there, then the fewest leases, then the longest rest. The same

        sticky key gets the same proxy for as long as that one is fit.
        Errors: INVALID_ARGUMENT; FAILED_PRECONDITION with ERROR_REASON_NO_PROXY, whose sentence says how
        many were left out and why; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            site: Host name of the site, or a URL whose host it is. Empty: any site.
            country: Only proxies of this country.
            sticky_key: Who asks: the same key gets the same proxy again.
            lease_seconds: How long the lease lasts, 1 to 86,400 s.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.LEASE.request(
            site=site,
            country=country,
            sticky_key=sticky_key,
            lease_seconds=lease_seconds,
            request_id=request_id or new_key(),
        )
        return await self._lease(request, timeout, headers)

    async def release(
        self,
        lease_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> proxy_service_pb2.ReleaseProxyResponse:
        """Gives a lease back before its end. One that has ended is given back already.

        Errors: NOT_FOUND.

        Args:
            lease_id: Id of the lease.
        """
        request = methods.RELEASE.request(
            lease_id=lease_id,
        )
        return await self._release(request, timeout, headers)
