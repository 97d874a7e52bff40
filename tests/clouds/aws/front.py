"""The address that a worker knows as AWS: passes requests on to moto, corrects what it only notes, and does wrong."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web

from tests.clouds.aws.machines import Machines
from tests.clouds.aws.moto import moto
from tests.clouds.fault import Faults, Kind, Request

# What takes the place of an answer: status and code.
# Source: "Common errors" of the API reference of ECS; throttling is 400 in most JSON protocols.
_REFUSALS = {
    Kind.ERROR: (500, "ServerException"),
    Kind.BUSY: (400, "ThrottlingException"),
    Kind.QUOTA: (400, "LimitExceededException"),
    Kind.REFUSED: (400, "AccessDeniedException"),
}
_EFS_STEPS = {
    ("POST", "/2015-02-01/access-points"): "efs:CreateAccessPoint",
    ("GET", "/2015-02-01/access-points"): "efs:DescribeAccessPoints",
    ("DELETE", "/2015-02-01/access-points"): "efs:DeleteAccessPoint",
}


@dataclass(slots=True)
class Aws:
    """AWS as a worker sees it."""

    variables: dict[str, str] = field(repr=False)
    faults: Faults
    machines: Machines

    async def left(self) -> list[str]:
        """Return all that is there of any environment."""
        return await self.machines.left()

    async def processes(self, environment_id: str) -> list[Mapping[str, str]]:
        """Return the variables of each process of an environment that runs."""
        return self.machines.processes(environment_id)

    async def files(self, environment_id: str) -> set[str]:
        """Return the files of an environment."""
        return await self.machines.files_of(environment_id)

    def changes(self, step: str) -> bool:
        """Tell whether requests of that step change anything."""
        return re.search(":(Describe|List|Get)", step) is None

    async def plain(self) -> str:
        """Return all that can be read without the right to read secrets."""
        return await self.machines.plain()

    async def reset(self) -> None:
        """Make the account new."""
        self.faults.clear()
        self.variables |= await self.machines.reset()


@asynccontextmanager
async def aws(port: int = 0) -> AsyncIterator[Aws]:
    """Serve AWS on loopback; `port` 0 takes a free one."""
    async with moto() as address, Machines(address) as machines, aiohttp.ClientSession() as session:
        front = _Front(address, session, machines)
        runner = web.AppRunner(front.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            variables = {**await machines.prepare(), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{runner.addresses[0][1]}"}
            yield Aws(variables, front.faults, machines)
        finally:
            await runner.cleanup()


class _Front:
    def __init__(self, moto_address: str, session: aiohttp.ClientSession, machines: Machines) -> None:
        self.faults = Faults()
        self._moto = moto_address
        self._session = session
        self._machines = machines
        # Requests are carried out one after the other, as the machines look at what is there and then change it.
        self._turn = asyncio.Lock()

    def application(self) -> web.Application:
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_post("/_faults", self._plan)
        application.add_routes(self._machines.sessions.routes())
        application.router.add_route("*", "/{rest:.*}", self._answer)
        return application

    async def _plan(self, request: web.Request) -> web.Response:
        self.faults.plan_from(await request.json())
        return web.Response()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        step = _step(request, body)
        kind = await self.faults.arrive(step)
        if kind in _REFUSALS:
            status, code = _REFUSALS[kind]
            self.faults.requests.append(Request(step, str(request.url), body.decode(), status))
            # As bad as it can be: an error that quotes what was sent.
            return web.json_response({"__type": code, "message": f"no: {body.decode()}"}, status=status)
        if kind is not Kind.LOST:
            async with self._turn:
                status, headers, answer = await self._carry_out(request, step, body)
        else:
            status = 0
        self.faults.requests.append(Request(step, str(request.url), body.decode(), status))
        if kind is Kind.SILENT:
            await asyncio.sleep(3600)
        if kind in (Kind.LOST, Kind.CUT):
            return _hang_up(request)
        return web.Response(status=status, body=answer, headers=headers)

    async def _carry_out(self, request: web.Request, step: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if re.match("ecs:(Describe|List)", step):
            await self._machines.pass_time()
        asked = json.loads(body) if step.startswith("ecs:") else {}
        if step == "ecs:ExecuteCommand":
            return _as_json(*self._machines.execute(asked, request.host))
        refusal = await self._machines.refusal(step, asked)
        if refusal is not None:
            return _as_json(400, {"__type": "InvalidParameterException", "message": refusal})
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
        url = f"{self._moto}{request.raw_path}"
        async with self._session.request(request.method, url, data=body, headers=headers) as response:
            answer = await response.read()
            kept = {k: v for k, v in response.headers.items() if k.lower().startswith(("content-type", "x-amz"))}
        if response.status == 200 and step.startswith("ecs:"):
            answer = self._corrected(step, asked, json.loads(answer))
        return response.status, kept, answer

    def _corrected(self, step: str, asked: Mapping[str, Any], answer: dict[str, Any]) -> bytes:
        self._machines.note(step, asked, answer)
        if step == "ecs:DescribeServices":
            for service in answer["services"]:
                service["runningCount"] = len(self._machines.running(service["serviceName"]))
                service["pendingCount"] = 0
                service["enableExecuteCommand"] = self._machines.takes_commands(service["serviceName"])
                for deployment in service["deployments"]:
                    deployment["rolloutState"] = "IN_PROGRESS" if self._machines.startable else "FAILED"
        for task in answer["tasks"] if step == "ecs:DescribeTasks" else ():
            task["containers"][0]["exitCode"] = int(task["taskArn"] in self._machines.failed)
            task["enableExecuteCommand"] = self._machines.takes_commands(task["taskArn"])
        return json.dumps(answer).encode()


def _as_json(status: int, answer: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def _step(request: web.Request, body: bytes) -> str:
    target = request.headers.get("X-Amz-Target", "")
    service = re.search(r"/([a-z0-9]+)/aws4_request", request.headers.get("Authorization", ""))
    name = service.group(1) if service else "unknown"
    if target:
        return f"{name}:{target.rpartition('.')[2]}"
    if name == "ec2":
        return f"ec2:{parse_qs(body.decode())['Action'][0]}"
    folder = re.sub(r"/fsap-[0-9a-f]+$", "", request.path)
    return _EFS_STEPS.get((request.method, folder), f"{name}:{request.method} {request.path}")


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
