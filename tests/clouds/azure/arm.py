"""The resource manager's side of the API, of version 2023-05-01 for container groups.

Source: https://learn.microsoft.com/rest/api/container-instances and, for what takes a while,
https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

import secrets
from typing import Any, Final

from aiohttp import web

from tests.clouds.azure.cloud import ACCOUNT_KEY, GROUPS_PATH, KEYS_PATH, PAGE, Cloud, Group, Operation
from tests.clouds.azure.faults import Refusal
from tests.clouds.azure.terminal import Terminals

_OPERATIONS_PATH: Final = f"{GROUPS_PATH.partition('/providers/')[0]}/operations"


class Arm:
    """Answers what concerns the container groups of `cloud`, and the keys of its storage account."""

    def __init__(self, cloud: Cloud, terminals: Terminals) -> None:
        self._cloud = cloud
        self._terminals = terminals

    def routes(self) -> list[web.RouteDef]:
        """Return all routes; the name of each is its step."""
        one = f"{GROUPS_PATH}/{{name}}"
        container = f"{one}/containers/{{container}}"
        return [
            web.get(GROUPS_PATH, self._list, name="list-groups"),
            web.get(one, self._get, name="get-group"),
            web.put(one, self._put, name="put-group"),
            web.delete(one, self._delete, name="delete-group"),
            web.post(f"{one}/start", self._start, name="start-group"),
            web.post(f"{one}/stop", self._stop, name="stop-group"),
            web.get(f"{container}/logs", self._logs, name="logs"),
            web.post(f"{container}/exec", self._exec, name="exec"),
            web.get(f"{_OPERATIONS_PATH}/{{key}}", self._operation, name="operation"),
            web.post(KEYS_PATH, self._keys, name="list-keys"),
            web.route("*", "/subscriptions/{rest:.*}", self._nowhere, name="nowhere"),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        groups = sorted(self._cloud.groups.values(), key=lambda group: group.name)
        start = int(request.query.get("$skiptoken", "0"))
        answer: dict[str, Any] = {"value": [shown(group) for group in groups[start : start + PAGE]]}
        if start + PAGE < len(groups):
            answer["nextLink"] = f"{request.url.origin()}{GROUPS_PATH}?api-version=2023-05-01&$skiptoken={start + PAGE}"
        return web.json_response(answer)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(shown(self._cloud.look(request.match_info["name"]), by_itself=True))

    async def _put(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        new, operation = self._cloud.put(name, await request.json())
        headers = self._headers(request, operation, "Azure-AsyncOperation")
        return web.json_response(
            shown(self._cloud.group(name), by_itself=True), status=201 if new else 200, headers=headers
        )

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._cloud.groups:
            return web.Response(status=204)
        operation = self._cloud.delete(name)
        return web.Response(status=202, headers=self._headers(request, operation, "Location", "Azure-AsyncOperation"))

    async def _start(self, request: web.Request) -> web.Response:
        operation = self._cloud.start(request.match_info["name"])
        return web.Response(status=202, headers=self._headers(request, operation, "Location", "Azure-AsyncOperation"))

    async def _stop(self, request: web.Request) -> web.Response:
        self._cloud.stop(request.match_info["name"])
        return web.Response(status=204)

    async def _operation(self, request: web.Request) -> web.Response:
        operation = self._cloud.progress(request.match_info["key"])
        answer: dict[str, Any] = {"status": operation.status}
        if operation.error:
            answer["error"] = operation.error
        return web.json_response(answer, headers={"Retry-After": "0"})

    async def _logs(self, request: web.Request) -> web.Response:
        group = self._cloud.group(request.match_info["name"])
        tail = int(request.query.get("tail", len(group.log)))
        lines = group.log[len(group.log) - min(tail, len(group.log)) :]
        if request.query.get("timestamps") != "true":
            lines = [line.partition(" ")[2] for line in lines]
        return web.json_response({"content": "".join(f"{line}\n" for line in lines)})

    async def _exec(self, request: web.Request) -> web.Response:
        group = self._cloud.settled(request.match_info["name"])
        if group.state != "Running":
            raise Refusal(409, "ContainerGroupStopped", "The container group is stopped.")
        path, password = self._terminals.offer(group, (await request.json())["command"])
        address = str(request.url.origin()).replace("http", "ws", 1)
        return web.json_response({"webSocketUri": f"{address}{path}", "password": password})

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [{"keyName": "key1", "value": ACCOUNT_KEY, "permissions": "FULL"}]})

    async def _nowhere(self, request: web.Request) -> web.Response:
        raise Refusal(404, "ResourceGroupNotFound", "Resource group could not be found.")

    def _headers(self, request: web.Request, operation: Operation, *names: str) -> dict[str, str]:
        key = self._cloud.key_of(operation)
        url = f"{request.url.origin()}{_OPERATIONS_PATH}/{key}?api-version=2023-05-01"
        return {"Retry-After": "0", "x-ms-request-id": secrets.token_hex(8), **dict.fromkeys(names, url)}


def shown(group: Group, *, by_itself: bool = False) -> dict[str, Any]:
    """Return a group as the API shows it: no secret, and what runs only when it is asked for `by_itself`."""
    properties = group.body["properties"]
    view = {"instanceView": {"events": [], "state": group.state}} if by_itself else {}
    address = {**properties["ipAddress"], **({"ip": group.address} if group.address else {})}
    return {
        **group.body,
        "id": f"{GROUPS_PATH}/{group.name}",
        "name": group.name,
        "type": "Microsoft.ContainerInstance/containerGroups",
        "properties": {
            **properties,
            **view,
            "provisioningState": group.provisioning,
            "ipAddress": address,
            "containers": [_container(container) for container in properties["containers"]],
            "volumes": [_volume(volume) for volume in properties.get("volumes", [])],
        },
    }


def _container(sent: dict[str, Any]) -> dict[str, Any]:
    variables = [
        {name: value for name, value in variable.items() if name != "secureValue"}
        for variable in sent["properties"].get("environmentVariables", [])
    ]
    return {**sent, "properties": {**sent["properties"], "environmentVariables": variables}}


def _volume(sent: dict[str, Any]) -> dict[str, Any]:
    file = {name: value for name, value in sent["azureFile"].items() if name != "storageAccountKey"}
    return {**sent, "azureFile": file}
