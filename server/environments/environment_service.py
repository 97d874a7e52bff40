"""EnvironmentService: environments are made, looked at, changed, started, stopped and deleted, as the wire says it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Final

import grpc
import sqlalchemy as sa
from google.protobuf.message import Message

from server.clock import Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.environments import (
    environment_lookup,
    environment_store,
    environment_view,
    new_environment,
    operations,
)
from server.environments.environment_store import Whose
from server.environments.environment_tokens import digest_of
from server.environments.lifecycle import DELETE, DELETING, START, STOP, STOPPED, Operation
from server.environments.new_environment import SECRET_VARIABLES, EnvironmentSecrets
from server.environments.new_task import environment_subject
from server.environments.operation_ends import OperationEnds
from server.environments.quotas import quota_store
from server.environments.settings import EnvironmentSettings
from server.environments.templates import template_store
from server.environments.watching import Watching
from server.environments.whose import tenant_of_caller, user_of_caller, whose_of_caller
from server.rpc import idempotency
from server.rpc.idempotency import IdempotencyKey
from server.secret_box import SecretBox
from server.tasks.kernel import Kernel
from switchyard.environments.v1 import environment_service_pb2 as pb
from switchyard.environments.v1 import environment_service_pb2_grpc as pb_grpc
from switchyard.environments.v1.quota_service_pb2 import Amounts
from switchyard.environments.v1.template_service_pb2 import Template
from switchyard.tasks.v1.task_pb2 import Task

Context = grpc.aio.ServicerContext[Any, Any]

LARGEST_PAGE: Final = 100
DEFAULT_PAGE: Final = 20


class EnvironmentService(pb_grpc.EnvironmentServiceServicer):
    """Serves environments to those whose they are."""

    def __init__(
        self,
        database: Database,
        kernel: Kernel,
        ends: OperationEnds,
        watching: Watching,
        secret_box: SecretBox,
        clock: Clock,
        settings: EnvironmentSettings,
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._ends = ends
        self._watching = watching
        self._secret_box = secret_box
        self._clock = clock
        self._settings = settings

    async def CreateEnvironment(
        self, request: pb.CreateEnvironmentRequest, _context: Context
    ) -> pb.CreateEnvironmentResponse:
        """Store an environment and begin to make it."""
        key = IdempotencyKey.of_call(request.request_id, "CreateEnvironment")
        kept = self._without_secrets(request)
        owner = {"user_id": user_of_caller(request.user_id), "tenant": tenant_of_caller()}
        return await self._database.write(lambda connection: self._create(connection, request, owner, key, kept))

    async def GetEnvironment(self, request: pb.GetEnvironmentRequest, _context: Context) -> pb.GetEnvironmentResponse:
        """Read an environment."""
        whose, now = whose_of_caller(), self._clock()

        def query(connection: sa.Connection) -> pb.GetEnvironmentResponse:
            row = environment_store.require(connection, request.id, whose)
            return pb.GetEnvironmentResponse(environment=environment_lookup.shown(connection, row, now=now))

        return await self._database.read(query)

    async def ListEnvironments(
        self, request: pb.ListEnvironmentsRequest, _context: Context
    ) -> pb.ListEnvironmentsResponse:
        """List a page of environments."""
        page = request.page if request.HasField("page") else 1
        size = min(request.page_size if request.HasField("page_size") else DEFAULT_PAGE, LARGEST_PAGE)
        whose, now = whose_of_caller().narrowed(request.user_id), self._clock()

        def query(connection: sa.Connection) -> pb.ListEnvironmentsResponse:
            rows, total = environment_store.page(
                connection, whose, status=request.status or None, limit=size, offset=(page - 1) * size
            )
            shown = environment_lookup.all_shown(connection, rows, now=now)
            return pb.ListEnvironmentsResponse(environments=shown, total=total, page=page, page_size=size)

        return await self._database.scan(query)

    async def UpdateEnvironment(
        self, request: pb.UpdateEnvironmentRequest, _context: Context
    ) -> pb.UpdateEnvironmentResponse:
        """Change the name of an environment, or when it is stopped by itself."""
        whose = whose_of_caller()
        values = {field.name: value for field, value in request.ListFields() if field.name != "id"}
        if "name" in values:
            new_environment.check_name(request.name)

        def work(connection: sa.Connection) -> pb.UpdateEnvironmentResponse:
            now = self._clock()
            row = environment_store.require_locked(connection, request.id, whose)
            if values:
                row = environment_store.update(connection, row, **values, update_time=now)
                after_commit(connection, lambda: self._kernel.changes.notify((environment_subject(row.id),)))
            return pb.UpdateEnvironmentResponse(environment=environment_lookup.shown(connection, row, now=now))

        return await self._database.write(work)

    async def StartEnvironment(
        self, request: pb.StartEnvironmentRequest, _context: Context
    ) -> pb.StartEnvironmentResponse:
        """Start an environment, and wait a while for the end."""
        key, whose = IdempotencyKey.of_call(request.request_id, "StartEnvironment"), whose_of_caller()

        def work(connection: sa.Connection) -> str:
            earlier = idempotency.remember(connection, key, request, now=self._clock())
            if earlier is not None:
                return Task.FromString(earlier).id
            task_id = self._begin(connection, request.id, whose, START)
            # How it ends, and so the answer, is not known yet.
            idempotency.store_answer(connection, key, Task(id=task_id))
            return task_id

        await self._ends.wait(await self._database.write(work), request.id)
        return pb.StartEnvironmentResponse(message="Environment started successfully", id=request.id)

    async def StopEnvironment(
        self, request: pb.StopEnvironmentRequest, _context: Context
    ) -> pb.StopEnvironmentResponse:
        """Stop an environment, and wait a while for the end."""
        whose = whose_of_caller()
        task_id = await self._database.write(lambda connection: self._begin(connection, request.id, whose, STOP))
        await self._ends.wait(task_id, request.id)
        return pb.StopEnvironmentResponse(message="Environment stopped successfully", id=request.id)

    async def DeleteEnvironment(
        self, request: pb.DeleteEnvironmentRequest, _context: Context
    ) -> pb.DeleteEnvironmentResponse:
        """Delete an environment, whatever it does, and wait a while for the end."""
        whose = whose_of_caller()
        task_id = await self._database.write(lambda connection: self._begin(connection, request.id, whose, DELETE))
        await self._ends.wait(task_id, request.id)
        return pb.DeleteEnvironmentResponse(message="Environment deleted successfully", id=request.id)

    async def WatchEnvironment(
        self, request: pb.WatchEnvironmentRequest, _context: Context
    ) -> AsyncIterator[pb.WatchEnvironmentResponse]:
        """Send an environment now and after each change."""
        async with aclosing(self._watching.follow(request.id, whose_of_caller())) as answers:
            async for answer in answers:
                yield answer

    async def ListPorts(self, request: pb.ListPortsRequest, _context: Context) -> pb.ListPortsResponse:
        """List the ports of an environment."""
        whose = whose_of_caller()
        row = await self._database.read(lambda connection: environment_store.require(connection, request.id, whose))
        return pb.ListPortsResponse(ports=environment_view.ports(row))

    def _create(
        self,
        connection: sa.Connection,
        request: pb.CreateEnvironmentRequest,
        owner: dict[str, str],
        key: IdempotencyKey,
        kept: Message,
    ) -> pb.CreateEnvironmentResponse:
        """Store an environment, if this was not done before. Part of a unit of work."""
        now = self._clock()
        earlier = idempotency.remember(connection, key, kept, now=now)
        if earlier is not None:
            return pb.CreateEnvironmentResponse.FromString(earlier)
        columns = owner | new_environment.columns(request, self._template(connection, request), self._settings)
        quota_store.require_room(connection, Whose(**owner), _size(columns), self._settings.quota)
        made = new_environment.new_secrets(request)
        row, task = operations.create(connection, columns | self._hidden(made), now=now)
        after_commit(connection, lambda: self._kernel.announce([task]))
        answer = pb.CreateEnvironmentResponse(
            environment=environment_view.environment(row, task, now=now), message="Environment created successfully"
        )
        # The password is told once.
        idempotency.store_answer(connection, key, answer)
        if made.generated_password is not None:
            answer.generated_password = made.generated_password
        return answer

    def _template(self, connection: sa.Connection, request: pb.CreateEnvironmentRequest) -> Template | None:
        return template_store.require(connection, request.template_id) if request.template_id else None

    def _hidden(self, made: EnvironmentSecrets) -> dict[str, Any]:
        """Return the columns that nobody can read."""
        return {
            "id": new_environment.new_id(),
            "secrets": self._secret_box.seal(made.plan.SerializeToString()),
            "token_digest": digest_of(made.token),
        }

    def _begin(self, connection: sa.Connection, environment_id: str, whose: Whose, operation: Operation) -> str:
        """Begin an operation and return the id of its Task. Part of a unit of work."""
        row = environment_store.require_locked(connection, environment_id, whose)
        if operation == START and row.status == STOPPED:
            quota_store.require_room_to_start(connection, row, self._settings.quota)
        if operation == DELETE and row.status == DELETING and operations.is_at_work(connection, row):
            # Who asks twice does not have it begun again.
            return row.task_id
        _, tasks = operations.begin(connection, row, operation, now=self._clock(), hooks=self._kernel.final_hooks)
        after_commit(connection, lambda: self._kernel.announce(tasks))
        return tasks[-1].id

    def _without_secrets(self, request: pb.CreateEnvironmentRequest) -> pb.CreateEnvironmentRequest:
        """Return what is kept of a request for comparison; it must be no way to a secret."""
        kept = pb.CreateEnvironmentRequest()
        kept.CopyFrom(request)
        for name in SECRET_VARIABLES:
            if secret := getattr(request, name):
                setattr(kept, name, self._secret_box.fingerprint(secret))
        return kept


def _size(columns: Mapping[str, Any]) -> Amounts:
    """Return what an environment of these columns takes."""
    return Amounts(environments=1, **{name: columns[name] for name in ("cpu_cores", "memory_gb", "storage_gb")})
