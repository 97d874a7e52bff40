"""SessionService: sessions begin, are looked at, and end, as the wire says it."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.clock import Clock
from server.comfy import prompt_store, session_end, session_store, session_view
from server.comfy.session_lookup import name_of, tenant_of_caller
from server.comfy.session_row import SessionRow, Standing, standing
from server.comfy.session_store import NewSession
from server.comfy.start_request import check_username, comfy_url
from server.comfy.starting import Starting
from server.database.database import Database
from server.errors import NoSession, TaskFinal, Unavailable
from server.paging import number_before, page_limit, token_behind
from server.rpc import idempotency
from server.rpc.caller import CALLER
from server.rpc.idempotency import IdempotencyKey
from server.secret_box import SecretBox
from server.tasks import store
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from server.tasks.worker_service import AddressRule
from switchyard.comfy.v1 import session_service_pb2 as pb
from switchyard.comfy.v1 import session_service_pb2_grpc as pb_grpc
from switchyard.comfy.v1.prompt_pb2 import Prompt
from switchyard.comfy.v1.session_pb2 import Session

Context = grpc.aio.ServicerContext[Any, Any]

# A browser has a grace of 10 s, and whoever kills it some more.
END_SECONDS: Final = 45.0


class SessionService(pb_grpc.SessionServiceServicer):
    """Serves sessions to those who work in them; a caller that is bound to a tenant meets only those of its own."""

    def __init__(
        self,
        database: Database,
        kernel: Kernel,
        starting: Starting,
        secret_box: SecretBox,
        outbound: AddressRule,
        clock: Clock,
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._starting = starting
        self._secret_box = secret_box
        self._outbound = outbound
        self._clock = clock

    async def StartSession(self, request: pb.StartSessionRequest, _context: Context) -> pb.StartSessionResponse:
        """Start a session and wait until it takes calls."""
        new = self._new(request)
        await self._outbound.resolve(new.url)
        session_id = await self._begin(request, new)
        try:
            row = await self._starting.until_ready(session_id)
        except asyncio.CancelledError:
            # Nobody would learn of it; but whoever has a key comes back with it.
            if not request.request_id:
                await self._ask_to_end(session_id)
            raise
        except Exception:
            await self._ask_to_end(session_id)
            await self._kernel.wait_final(session_id, END_SECONDS)
            raise
        return session_view.started(row, self._endpoint(row))

    async def StopSession(self, request: pb.StopSessionRequest, _context: Context) -> pb.StopSessionResponse:
        """End a session and wait for its end, unless it has prompts to finish."""
        tenant, name = tenant_of_caller(), name_of(request.session)
        finishing, changed = await self._database.write(
            lambda connection: self._stop(connection, tenant, name, cancel_prompts=request.cancel_prompts)
        )
        self._kernel.announce(changed)
        if changed:
            session = await self._kernel.wait_final(changed[0].id, END_SECONDS)
            if not session.final:
                raise Unavailable("The session is being stopped, and its browser is not gone yet", session=name)
        return session_view.stopped(finishing)

    async def GetSessionStatus(
        self, request: pb.GetSessionStatusRequest, _context: Context
    ) -> pb.GetSessionStatusResponse:
        """Say how it is with a session."""
        tenant, name = tenant_of_caller(), name_of(request.session)

        def query(connection: sa.Connection) -> pb.GetSessionStatusResponse:
            row = session_store.newest(connection, tenant, name)
            if row is None:
                return session_view.status_of_nothing(name)
            counts = prompt_store.counts(connection, row.id)
            active = counts.get(Prompt.STATUS_QUEUED, 0) + counts.get(Prompt.STATUS_RUNNING, 0)
            return session_view.status(row, prompts_active=active)

        return await self._database.scan(query)

    async def ListSessions(self, request: pb.ListSessionsRequest, _context: Context) -> pb.ListSessionsResponse:
        """List a page of sessions."""
        tenant_id, limit = CALLER.get().tenant_id, page_limit(request.page_size)
        before = number_before(request.page_token)
        rows = await self._database.scan(
            lambda connection: session_store.page(
                connection, tenant=tenant_id, active=request.active, before_number=before, limit=limit + 1
            )
        )
        return pb.ListSessionsResponse(
            sessions=[session_view.session(row) for row in rows[:limit]],
            next_page_token=token_behind(rows[limit - 1].number) if len(rows) > limit else "",
        )

    def _new(self, request: pb.StartSessionRequest) -> NewSession:
        """Return what to store. Raises InvalidArgument."""
        check_username(request.credentials)
        secret = pb.StartSessionRequest.Credentials(
            username=request.credentials.username, password=request.credentials.password
        )
        return NewSession(
            tenant=tenant_of_caller(),
            name=name_of(request.session),
            url=comfy_url(request.credentials.url),
            mode=request.mode or Session.MODE_BROWSER,
            on_restart=request.on_restart or Session.ON_RESTART_SUBMIT_AGAIN,
            headless=request.headless if request.HasField("headless") else True,
            wanted_port=request.port if request.HasField("port") else None,
            sealed_credentials=self._secret_box.seal(secret.SerializeToString()),
        )

    async def _begin(self, request: pb.StartSessionRequest, new: NewSession) -> str:
        """Store a session that waits for a worker and return its id; that of an earlier call with the same key."""
        key = IdempotencyKey.of_call(request.request_id, "StartSession")
        created: list[TaskRow] = []

        def work(connection: sa.Connection) -> str:
            created.clear()  # The unit of work may run more than once.
            now = self._clock()
            earlier = idempotency.remember(connection, key, request, now=now)
            session_id = _session_of(earlier)
            if session_id is not None and _goes_on(session_store.get(connection, session_id)):
                return session_id
            created.append(session_store.insert(connection, new, now=now))
            # The rest of the answer is made from the row: it is not known yet, and there is a secret in it.
            details = pb.StartSessionResponse.Details(session_id=created[0].id)
            idempotency.store_answer(connection, key, pb.StartSessionResponse(details=details))
            return created[0].id

        session_id = await self._database.write(work)
        self._kernel.announce(created)
        return session_id

    async def _ask_to_end(self, session_id: str) -> None:
        def work(connection: sa.Connection) -> Sequence[TaskRow]:
            try:
                return session_end.stop(connection, session_id, self._kernel, reason="it did not get ready")
            except TaskFinal:
                return ()

        self._kernel.announce(await self._database.write(work))

    def _stop(
        self, connection: sa.Connection, tenant: str, name: str, *, cancel_prompts: bool
    ) -> tuple[int, Sequence[TaskRow]]:
        """Let a session finish its prompts and return how many there are; without any, ask it to end.

        What has changed is returned, too, its own Task first; nothing when it was gone already.
        """
        row = session_store.newest(connection, tenant, name)
        if row is None or standing(row) is Standing.OVER:
            raise NoSession(name)
        if standing(row) is Standing.FINISHING and not cancel_prompts:
            raise NoSession(name)
        if standing(row) is Standing.READY and not cancel_prompts:
            # Under the lock that whoever queues a prompt takes, too.
            store.get_locked(connection, row.id)
            if finishing := prompt_store.unfinished_of(connection, row.id):
                session_store.close(connection, row.id)
                return len(finishing), ()
        try:
            return 0, session_end.stop(connection, row.id, self._kernel, reason="stopped")
        except TaskFinal:
            session_store.dismiss(connection, row.id)
            return 0, ()

    def _endpoint(self, row: SessionRow) -> str | None:
        return None if row.sealed_endpoint is None else self._secret_box.decrypt(row.sealed_endpoint)


def _session_of(answer: bytes | None) -> str | None:
    """Return the id of the session that an earlier call with the same key has started."""
    return None if answer is None else pb.StartSessionResponse.FromString(answer).details.session_id


def _goes_on(row: SessionRow | None) -> bool:
    """Whether the same call again gets that session: it is ready, was, or may be. Else it starts another one."""
    return row is not None and (row.ready_time is not None or standing(row) is not Standing.OVER)
