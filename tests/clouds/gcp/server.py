"""The project over HTTP, and what goes wrong with it on purpose.

Source: https://cloud.google.com/compute/docs/reference/rest/v1 and
https://cloud.google.com/secret-manager/docs/reference/rest
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.clouds.fault import Faults, Kind, Request
from tests.clouds.gcp.machines import Project, Refused, Resource, Versions, text_of
from tests.clouds.gcp.ssh import ssh_servers

PROJECT = "switchyard-test"
PAGE = 500
_ZONE = f"/compute/v1/projects/{PROJECT}/zones/{{zone}}"
_SECRETS = f"/v1/projects/{PROJECT}/secrets"

_REFUSALS = {
    Kind.ERROR: (500, "backendError"),
    Kind.BUSY: (429, "rateLimitExceeded"),
    Kind.QUOTA: (403, "quotaExceeded"),
    Kind.REFUSED: (403, "forbidden"),
}


@dataclass(slots=True)
class Gcp:
    """Google Cloud as a worker sees it."""

    variables: dict[str, str]
    project: Project
    faults: Faults = field(default_factory=Faults)

    async def left(self) -> list[str]:
        """Return all that is there of any environment."""
        self.project.pass_time()
        return [
            *(f"disk {name}" for _, name in self.project.disks),
            *(f"machine {name}" for _, name in self.project.machines),
            *(f"secret {name}" for name in self.project.secrets),
            *(f"files {name}" for _, name in self.project.files),
        ]

    async def processes(self, environment_id: str) -> list[Mapping[str, str]]:
        """Return the variables of each process of an environment that runs."""
        return [given for (_, name), given in self.project.variables.items() if name == environment_id]

    async def files(self, environment_id: str) -> set[str]:
        """Return the files of an environment."""
        return set().union(*(f for (_, name), f in self.project.files.items() if name.endswith(environment_id)))

    def changes(self, step: str) -> bool:
        """Tell whether requests of that step change anything."""
        return not step.startswith("GET ")

    async def plain(self) -> str:
        """Return all that can be read without the right to read secrets."""
        secrets = {name: secret.labels for name, secret in self.project.secrets.items()}
        return str([self.project.disks, self.project.machines, self.project.operations, secrets])

    async def reset(self) -> None:
        """Make the project new."""
        self.faults.clear()
        await self.project.ssh.end_all()
        self.project = Project(self.project.ssh)


@asynccontextmanager
async def gcp(port: int = 0) -> AsyncIterator[Gcp]:
    """Serve Google Cloud on loopback; `port` 0 takes a free one."""
    async with ssh_servers() as servers:
        variables = {"ENVIRONMENTS_GCP_PROJECT": PROJECT, "ENVIRONMENTS_GCP_SSH_PORT": str(servers.port)}
        cloud = Gcp(variables, Project(servers))
        runner = web.AppRunner(_application(cloud), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            cloud.variables["ENVIRONMENTS_GCP_ENDPOINT"] = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield cloud
        finally:
            await runner.cleanup()


Handler = Callable[[Gcp, web.Request, Resource], Any]


def _application(cloud: Gcp) -> web.Application:
    application = web.Application()

    async def plan(request: web.Request) -> web.Response:
        cloud.faults.plan_from(await request.json())
        return web.Response()

    application.router.add_post("/_faults", plan)
    for (method, path), handler in _HANDLERS.items():
        application.router.add_route(method, path, _served(cloud, path, handler))
    return application


def _served(cloud: Gcp, path: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    short = re.sub(r"^.*/(zones/\{zone\}|aggregated|secrets)", r"\1", path).replace("zones/{zone}/", "")

    async def serve(request: web.Request) -> web.StreamResponse:
        step = f"{request.method} {short}"
        text = await request.text()
        kind = await cloud.faults.arrive(step)
        status, answer = 0, Resource()
        if kind in _REFUSALS:
            # As bad as it can be: an error that quotes what was sent.
            status, answer = _refusal(*_REFUSALS[kind], f"no: {_readable(text)}")
        elif kind is not Kind.LOST:
            status, answer = _carried_out(cloud, request, handler, text)
        cloud.faults.requests.append(Request(step, str(request.url), text, status))
        if kind is Kind.SILENT:
            await asyncio.sleep(3600)
        if kind in (Kind.LOST, Kind.CUT) and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer, status=status or 500)

    return serve


def _readable(text: str) -> str:
    body = json.loads(text) if text else {}
    return text_of(body["payload"]) if "payload" in body else text


def _carried_out(cloud: Gcp, request: web.Request, handler: Handler, text: str) -> tuple[int, Resource]:
    try:
        return 200, handler(cloud, request, json.loads(text) if text else {})
    except Refused as refused:
        return _refusal(refused.status, refused.reason, str(refused))


def _refusal(status: int, reason: str, message: str) -> tuple[int, Resource]:
    errors = [{"reason": reason, "message": message, "domain": "global"}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}


def _name(request: web.Request) -> tuple[str, str]:
    return request.match_info["zone"], request.match_info["name"]


def _get_machine(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    cloud.project.pass_time()
    return cloud.project.known(cloud.project.machines, *_name(request))


def _get_disk(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    cloud.project.pass_time()
    return cloud.project.known(cloud.project.disks, *_name(request))


def _serial_port(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    key = _name(request)
    cloud.project.known(cloud.project.machines, *key)
    assert request.query["port"] == "2"
    printed = cloud.project.printed.get(key, "")
    start = int(request.query.get("start", "0"))
    return {"contents": printed[start:], "start": str(start), "next": str(len(printed))}


def _guest_attributes(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    path = request.query["queryPath"]
    found = cloud.project.guest_attributes(*_name(request), path)
    if not found:
        raise Refused(404, "notFound")
    namespace = path.partition("/")[0]
    items = [{"namespace": namespace, "key": key, "value": value} for key, value in found.items()]
    return {"queryValue": {"items": items}}


def _aggregated(kind: str) -> Handler:
    def answer(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
        cloud.project.pass_time()
        all_of = sorted((cloud.project.disks if kind == "disks" else cloud.project.machines).items())
        label = re.fullmatch(r"labels\.(.+):\*", request.query["filter"])
        assert label
        labelled = [(zone, one) for (zone, _), one in all_of if label[1] in one.get("labels", {})]
        start = int(request.query.get("pageToken", "0"))
        size = min(PAGE, int(request.query.get("maxResults", PAGE)))
        items: dict[str, Any] = {}
        for zone, one in labelled[start : start + size]:
            items.setdefault(f"zones/{zone}", {kind: []})[kind].append(one)
        more = {"nextPageToken": str(start + size)} if start + size < len(labelled) else {}
        return {"items": items, **more}

    return answer


def _create_secret(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    name = request.query["secretId"]
    if name in cloud.project.secrets:
        raise Refused(409, "ALREADY_EXISTS")
    cloud.project.secrets[name] = Versions(body["labels"])
    return _shown(cloud, name)


def _list_secrets(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    start, size = int(request.query.get("pageToken", "0")), int(request.query["pageSize"])
    named = sorted(cloud.project.secrets)
    more = {"nextPageToken": str(start + size)} if start + size < len(named) else {}
    return {"secrets": [_shown(cloud, name) for name in named[start : start + size]], **more}


def _get_secret(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    cloud.project.secret(request.match_info["name"])
    return _shown(cloud, request.match_info["name"])


def _delete_secret(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    cloud.project.secret(request.match_info["name"])
    del cloud.project.secrets[request.match_info["name"]]
    return {}


def _add_version(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    name = request.match_info["name"]
    texts = cloud.project.secret(name).texts
    texts[len(texts) + 1] = text_of(body["payload"])
    return {"name": f"projects/1/secrets/{name}/versions/{len(texts)}", "state": "ENABLED"}


def _list_versions(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    name = request.match_info["name"]
    kept = [number for number, text in cloud.project.secret(name).texts.items() if text is not None]
    return {"versions": [{"name": f"projects/1/secrets/{name}/versions/{n}", "state": "ENABLED"} for n in kept]}


def _destroy_version(cloud: Gcp, request: web.Request, body: Resource) -> Resource:
    cloud.project.secret(request.match_info["name"]).texts[int(request.match_info["version"])] = None
    return {"state": "DESTROYED"}


def _shown(cloud: Gcp, name: str) -> Resource:
    return {"name": f"projects/1/secrets/{name}", "labels": dict(cloud.project.secrets[name].labels)}


_HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("POST", f"{_ZONE}/disks"): lambda c, r, b: c.project.insert_disk(r.match_info["zone"], b),
    ("GET", f"{_ZONE}/disks/{{name}}"): _get_disk,
    ("DELETE", f"{_ZONE}/disks/{{name}}"): lambda c, r, b: c.project.delete_disk(*_name(r)),
    ("POST", f"{_ZONE}/instances"): lambda c, r, b: c.project.insert_machine(r.match_info["zone"], b),
    ("GET", f"{_ZONE}/instances/{{name}}"): _get_machine,
    ("DELETE", f"{_ZONE}/instances/{{name}}"): lambda c, r, b: c.project.delete_machine(*_name(r)),
    ("POST", f"{_ZONE}/instances/{{name}}/start"): lambda c, r, b: c.project.start_machine(*_name(r)),
    ("POST", f"{_ZONE}/instances/{{name}}/stop"): lambda c, r, b: c.project.stop_machine(*_name(r)),
    ("GET", f"{_ZONE}/instances/{{name}}/serialPort"): _serial_port,
    ("GET", f"{_ZONE}/instances/{{name}}/getGuestAttributes"): _guest_attributes,
    ("POST", f"{_ZONE}/instances/{{name}}/setMetadata"): lambda c, r, b: c.project.set_metadata(*_name(r), b),
    ("GET", f"/compute/v1/projects/{PROJECT}"): lambda c, r, b: {"commonInstanceMetadata": {"items": c.project.common}},
    ("GET", f"{_ZONE}/operations/{{name}}"): lambda c, r, b: c.project.look(r.match_info["name"]),
    ("GET", f"/compute/v1/projects/{PROJECT}/aggregated/disks"): _aggregated("disks"),
    ("GET", f"/compute/v1/projects/{PROJECT}/aggregated/instances"): _aggregated("instances"),
    ("POST", _SECRETS): _create_secret,
    ("GET", _SECRETS): _list_secrets,
    ("GET", f"{_SECRETS}/{{name}}"): _get_secret,
    ("DELETE", f"{_SECRETS}/{{name}}"): _delete_secret,
    ("POST", f"{_SECRETS}/{{name}}:addVersion"): _add_version,
    ("GET", f"{_SECRETS}/{{name}}/versions"): _list_versions,
    ("POST", f"{_SECRETS}/{{name}}/versions/{{version}}:destroy"): _destroy_version,
}
