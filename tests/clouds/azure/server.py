"""The stand-in as a server: routes, the log of requests, faults, and what a test in another process can ask."""

import asyncio
from types import TracebackType
from typing import Any, Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.clouds.azure.arm import Arm
from tests.clouds.azure.cloud import ACCOUNT, RESOURCE_GROUP, SUBSCRIPTION, Cloud, Seen
from tests.clouds.azure.faults import KINDS, FaultKind, Refusal, cut, suffer
from tests.clouds.azure.file_service import ACCOUNT_PATH, FileService
from tests.clouds.azure.terminal import Terminals

HOST: Final = "127.0.0.1"
CONTROL: Final = "/stand-in"
_SHUTDOWN_SECONDS: Final = 1.0


class AzureStandIn:
    """Serves `cloud`. `port` 0 means a free one.

    Besides Azure's, it has routes for tests in another process: GET /stand-in/state, GET /stand-in/requests,
    POST /stand-in/faults {"step", "kind", "times"}, POST /stand-in/print {"group", "line"}.
    """

    def __init__(self, cloud: Cloud | None = None, port: int = 0) -> None:
        self.cloud = cloud or Cloud()
        self.terminals = Terminals()
        self.port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that lead a worker here."""
        return {
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
            "AZURE_RESOURCE_GROUP": RESOURCE_GROUP,
            "AZURE_STORAGE_ACCOUNT": ACCOUNT,
            "AZURE_ARM_URL": self.url,
            "AZURE_FILE_URL": f"{self.url}{ACCOUNT_PATH}",
        }

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._as_azure])
        for part in (Arm(self.cloud, self.terminals), FileService(self.cloud), self.terminals):
            app.add_routes(part.routes())
        app.add_routes(self._control_routes())
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        self.terminals.close()

    @web.middleware
    async def _as_azure(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Write down what has come, let go wrong what is to, and answer refusals in the service's own way."""
        step = request.match_info.route.name or ""
        if not step or request.path.startswith(CONTROL):
            return await handler(request)
        self.cloud.seen.append(Seen(step, request.method, str(request.url), await request.text()))
        try:
            _check_authorization(request, step)
            return await self._with_fault(request, handler, self.cloud.faults.next(step))
        except Refusal as refusal:
            return _refused(request, refusal)

    async def _with_fault(self, request: web.Request, handler: Handler, kind: FaultKind | None) -> web.StreamResponse:
        held = self.cloud.faults.held
        is_held = len(self.cloud.seen) == held.number
        if is_held and not held.after:
            await held.hold(request)
        if kind is not None and kind != "cut after":
            await suffer(kind, request)
        try:
            answer = await handler(request)
        finally:
            # A refusal is an answer too.
            if is_held:
                await held.hold(request)
        if kind == "cut after":
            cut(request)
        return answer

    def _control_routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{CONTROL}/state", self._state),
            web.get(f"{CONTROL}/requests", self._requests),
            web.post(f"{CONTROL}/faults", self._add_fault),
            web.post(f"{CONTROL}/print", self._print),
        ]

    async def _state(self, request: web.Request) -> web.Response:
        groups = {group.name: f"{group.provisioning}, {group.state}" for group in self.cloud.groups.values()}
        return web.json_response({"groups": groups, "shares": sorted(self.cloud.shares)})

    async def _requests(self, request: web.Request) -> web.Response:
        return web.json_response([{"step": seen.step, "url": seen.url} for seen in self.cloud.seen])

    async def _add_fault(self, request: web.Request) -> web.Response:
        fault: dict[str, Any] = await request.json()
        if fault["kind"] not in KINDS:
            raise web.HTTPBadRequest(text=f"kind must be one of {', '.join(KINDS)}")
        self.cloud.faults.add(fault["step"], fault["kind"], int(fault.get("times", 1)))
        return web.Response(status=204)

    async def _print(self, request: web.Request) -> web.Response:
        printed: dict[str, Any] = await request.json()
        self.cloud.group(printed["group"]).print(printed["line"])
        return web.Response(status=204)


def _check_authorization(request: web.Request, step: str) -> None:
    if step == "terminal":
        return
    wanted = f"SharedKey {ACCOUNT}:" if request.path.startswith(ACCOUNT_PATH) else "Bearer "
    if not request.headers.get("Authorization", "").startswith(wanted):
        raise Refusal(401, "AuthenticationFailed", "Authentication failed.")


def _refused(request: web.Request, refusal: Refusal) -> web.Response:
    if request.path.startswith(ACCOUNT_PATH):
        # Source: https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2
        return web.Response(
            status=refusal.status,
            text=f'<?xml version="1.0"?><Error><Code>{refusal.code}</Code><Message>{refusal}</Message></Error>',
            content_type="application/xml",
            headers={**refusal.headers, "x-ms-error-code": refusal.code},
        )
    error = {"error": {"code": refusal.code, "message": str(refusal)}}
    return web.json_response(error, status=refusal.status, headers=refusal.headers)


async def serve_until(ended: asyncio.Event, stand_in: AzureStandIn) -> None:
    """Serve until `ended` is set; print the address first."""
    async with stand_in:
        print(stand_in.url, flush=True)  # noqa: T201 -- its answer
        await ended.wait()
