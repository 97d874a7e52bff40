"""What ECS does between requests, and moto does not: services get tasks, tasks get an address, write files and end.

Nothing is really run but commands. A task of an environment writes one file behind its access point, prints one line
and keeps the variables it was given; a task that erases removes all files behind its access point and ends.
"""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from tests.clouds.aws.moto import hold_tasks
from tests.clouds.aws.session_manager import SessionManager

REGION = "eu-central-1"
KEYS = {"aws_access_key_id": "AKIATESTTESTTESTTEST", "aws_secret_access_key": "not-a-real-key"}
CLUSTER = "environments"
LOG_GROUP = "/environments"
TASK_ROLE = "arn:aws:iam::123456789012:role/environment"


@dataclass(slots=True)
class Machines:
    """The machines of Fargate."""

    address: str  # of moto
    # So many looks at ECS pass before what was asked for is so.
    lag: int = 1
    files: dict[str, set[str]] = field(default_factory=dict)  # by access point
    variables: dict[str, Mapping[str, str]] = field(default_factory=dict)  # of processes, by task
    startable: bool = True
    erasable: bool = True
    failed: set[str] = field(default_factory=set)  # tasks that ended with exit code 1
    sessions: SessionManager = field(default_factory=SessionManager)
    too_early: int = 0  # so many commands come before the agent of their task has connected
    _commandable: dict[str, bool] = field(default_factory=dict)  # by service
    _agents: set[str] = field(default_factory=set)  # tasks that take commands
    _running: dict[str, dict[str, str]] = field(default_factory=dict)
    _due: dict[str, int] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        for service in ("ecs", "ec2", "efs", "logs", "secretsmanager"):
            client = get_session().create_client(
                service, region_name=REGION, endpoint_url=self.address, config=AioConfig(), **KEYS
            )
            self._clients[service] = await self._open.enter_async_context(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sessions.reset()
        await self._open.aclose()

    async def prepare(self) -> dict[str, str]:
        """Make what must be there before the first environment, and return the variables of a worker."""
        ecs, ec2, efs, logs = (self._clients[name] for name in ("ecs", "ec2", "efs", "logs"))
        await ecs.create_cluster(clusterName=CLUSTER)
        await logs.create_log_group(logGroupName=LOG_GROUP)
        subnets = (await ec2.describe_subnets())["Subnets"]
        groups = (await ec2.describe_security_groups())["SecurityGroups"]
        file_system = await efs.create_file_system(CreationToken="environments")
        return {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": KEYS["aws_secret_access_key"],
            "ENVIRONMENTS_AWS_CLUSTER": CLUSTER,
            "ENVIRONMENTS_AWS_SUBNETS": ",".join(subnet["SubnetId"] for subnet in subnets[:2]),
            "ENVIRONMENTS_AWS_SECURITY_GROUPS": groups[0]["GroupId"],
            "ENVIRONMENTS_AWS_EXECUTION_ROLE": "arn:aws:iam::123456789012:role/environments",
            "ENVIRONMENTS_AWS_TASK_ROLE": TASK_ROLE,
            "ENVIRONMENTS_AWS_FILE_SYSTEM": file_system["FileSystemId"],
            "ENVIRONMENTS_AWS_LOG_GROUP": LOG_GROUP,
        }

    def note(self, step: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Take note of what was asked for, and answered with a yes."""
        if "enableExecuteCommand" in request:
            self._commandable[answer["service"]["serviceName"]] = request["enableExecuteCommand"]
        if step in ("ecs:CreateService", "ecs:UpdateService", "ecs:DeleteService"):
            self._due[f"service {answer['service']['serviceName']}"] = self.lag
        if step == "ecs:RunTask":
            self._due[f"task {answer['tasks'][0]['taskArn']}"] = self.lag

    async def pass_time(self) -> None:
        """Let one look pass."""
        for what in [what for what, looks in self._due.items() if looks <= 0]:
            del self._due[what]
            kind, _, name = what.partition(" ")
            await (self._settle(name) if kind == "service" else self._erase(name))
        self._due = {what: looks - 1 for what, looks in self._due.items()}

    async def refusal(self, step: str, request: Mapping[str, Any]) -> str | None:
        """Return why ECS refuses what moto would do."""
        if step not in ("ecs:CreateService", "ecs:UpdateService") or not request.get("enableExecuteCommand"):
            return None
        definition = request.get("taskDefinition") or await self._definition_of(request["service"])
        described = await self._clients["ecs"].describe_task_definition(taskDefinition=definition)
        if "taskRoleArn" in described["taskDefinition"]:
            return None
        return "The service couldn't be created because a valid taskRoleArn is not being used."

    def execute(self, request: Mapping[str, Any], host: str) -> tuple[int, dict[str, Any]]:
        """Open a session in a task; return status and answer."""
        task = request["task"]
        if task not in self._agents or request["container"] != "environment" or request["interactive"] is not True:
            sentence = "The execute command failed because execute command was not enabled when the task was run"
            return 400, {"__type": "InvalidParameterException", "message": sentence}
        if self.too_early > 0:
            self.too_early -= 1
            return 400, {"__type": "TargetNotConnectedException", "message": "The execute command failed"}
        session = self.sessions.offer(task, request["command"], self.variables[task], host)
        return 200, {"taskArn": task, "interactive": True, "session": session}

    def takes_commands(self, name: str) -> bool:
        """Tell whether a service, or a task, was started so that it takes commands."""
        return self._commandable.get(name, False) or name in self._agents

    def running(self, service: str) -> Mapping[str, str]:
        """Return the definitions of the tasks of a service that run, by their names."""
        return self._running.get(service, {})

    async def reset(self) -> dict[str, str]:
        """Forget everything, and return the variables of a worker for the new account."""
        async with aiohttp.ClientSession() as session, session.post(f"{self.address}/moto-api/reset") as answer:
            answer.raise_for_status()
        await hold_tasks(self.address)
        await self.sessions.reset()
        for kept in (self.files, self.variables, self.failed, self._running, self._due):
            kept.clear()
        self._commandable.clear()
        self._agents.clear()
        self.startable = self.erasable = True
        self.too_early = 0
        return await self.prepare()

    def processes(self, environment_id: str) -> list[Mapping[str, str]]:
        """Return the variables of each process of an environment that runs."""
        return [self.variables[task] for task in self.running(environment_id)]

    async def files_of(self, environment_id: str) -> set[str]:
        """Return the files of an environment."""
        points = (await self._clients["efs"].describe_access_points())["AccessPoints"]
        ours = [p["AccessPointId"] for p in points if environment_id in str(p["Tags"])]
        return set().union(*(self.files.get(point, set()) for point in ours))

    async def plain(self) -> str:
        """Return all that can be read without the right to read secrets."""
        ecs = self._clients["ecs"]
        arns = (await ecs.list_task_definitions())["taskDefinitionArns"]
        definitions = [await ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]) for arn in arns]
        services = await ecs.describe_services(cluster=CLUSTER, services=await self._services(), include=["TAGS"])
        secrets = await self._clients["secretsmanager"].list_secrets()
        points = await self._clients["efs"].describe_access_points()
        return str([definitions, services, secrets, points])

    async def log(self, environment_id: str, *lines: str) -> None:
        """Let the newest task of an environment print."""
        logs = self._clients["logs"]
        streams = await logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{environment_id}/")
        newest = max(streams["logStreams"], key=lambda stream: stream["creationTime"])
        events = [{"timestamp": newest["creationTime"], "message": line} for line in lines]
        await logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=newest["logStreamName"], logEvents=events)

    async def remove_secret_by_hand(self, name: str) -> None:
        """Remove a secret as people do: it can be restored for some days."""
        await self._clients["secretsmanager"].delete_secret(SecretId=name, RecoveryWindowInDays=7)

    async def left(self) -> list[str]:
        """Return all that is there of any environment."""
        ecs, efs, logs, secrets = (self._clients[name] for name in ("ecs", "efs", "logs", "secretsmanager"))
        names = await self._services()
        services = await ecs.describe_services(cluster=CLUSTER, services=names) if names else {"services": []}
        definitions = [
            arn
            for status in ("ACTIVE", "INACTIVE")
            for arn in (await ecs.list_task_definitions(status=status))["taskDefinitionArns"]
        ]
        return [
            *(s["serviceName"] for s in services["services"] if s["status"] != "INACTIVE"),
            *(await ecs.list_tasks(cluster=CLUSTER, desiredStatus="RUNNING"))["taskArns"],
            *definitions,
            *(point["AccessPointId"] for point in (await efs.describe_access_points())["AccessPoints"]),
            *(secret["Name"] for secret in (await secrets.list_secrets())["SecretList"]),
            *(s["logStreamName"] for s in (await logs.describe_log_streams(logGroupName=LOG_GROUP))["logStreams"]),
            *(f"{point}:{name}" for point, names in self.files.items() for name in sorted(names)),
        ]

    async def _services(self) -> list[str]:
        arns: list[str] = (await self._clients["ecs"].list_services(cluster=CLUSTER))["serviceArns"]
        return arns[:10]

    async def _definition_of(self, service: str) -> str:
        described = await self._clients["ecs"].describe_services(cluster=CLUSTER, services=[service])
        return str(described["services"][0]["taskDefinition"])

    async def _settle(self, name: str) -> None:
        ecs = self._clients["ecs"]
        service = (await ecs.describe_services(cluster=CLUSTER, services=[name]))["services"][0]
        wanted = service["desiredCount"] if service["status"] == "ACTIVE" else 0
        tasks = self._running.setdefault(name, {})
        for arn, definition in list(tasks.items()):
            if not wanted or definition != service["taskDefinition"]:
                await ecs.stop_task(cluster=CLUSTER, task=arn)
                await self.sessions.lose(arn)
                del tasks[arn]
        if wanted and self.startable and service["taskDefinition"] not in tasks.values():
            await self._run(service)

    async def _run(self, service: Mapping[str, Any]) -> None:
        ecs, ec2 = self._clients["ecs"], self._clients["ec2"]
        answer = await ecs.run_task(
            cluster=CLUSTER,
            taskDefinition=service["taskDefinition"],
            launchType="FARGATE",
            startedBy=f"ecs-svc/{service['serviceName']}",
            networkConfiguration=service["networkConfiguration"],
        )
        task = answer["tasks"][0]
        details = {detail["name"]: detail["value"] for detail in task["attachments"][0]["details"]}
        address = await ec2.allocate_address(Domain="vpc")
        await ec2.associate_address(
            AllocationId=address["AllocationId"], NetworkInterfaceId=details["networkInterfaceId"]
        )
        await self._start_process(task["taskArn"], service["taskDefinition"])
        self._running[service["serviceName"]][task["taskArn"]] = service["taskDefinition"]
        if self._commandable.get(service["serviceName"]):
            self._agents.add(task["taskArn"])

    async def _start_process(self, task: str, definition: str) -> None:
        described = await self._clients["ecs"].describe_task_definition(taskDefinition=definition)
        container = described["taskDefinition"]["containerDefinitions"][0]
        values = {given["name"]: given["value"] for given in container["environment"]}
        for reference in container.get("secrets", ()):
            arn, _, key = reference["valueFrom"].removesuffix("::").rpartition(":")
            text = (await self._clients["secretsmanager"].get_secret_value(SecretId=arn))["SecretString"]
            values[reference["name"]] = json.loads(text)[key]
        self.variables[task] = values
        self.files.setdefault(_access_point(described), set()).add("work.txt")
        stream = (
            f"{container['logConfiguration']['options']['awslogs-stream-prefix']}/environment/{task.split('/')[-1]}"
        )
        await self._clients["logs"].create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)

    async def _erase(self, task: str) -> None:
        ecs = self._clients["ecs"]
        described = (await ecs.describe_tasks(cluster=CLUSTER, tasks=[task]))["tasks"][0]
        definition = await ecs.describe_task_definition(taskDefinition=described["taskDefinitionArn"])
        if self.erasable:
            self.files.pop(_access_point(definition), None)
        else:
            self.failed.add(task)
        await ecs.stop_task(cluster=CLUSTER, task=task)


def _access_point(described: Mapping[str, Any]) -> str:
    volume = described["taskDefinition"]["volumes"][0]
    return str(volume["efsVolumeConfiguration"]["authorizationConfig"]["accessPointId"])
