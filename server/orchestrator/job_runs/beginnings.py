"""What the run of a job begins with besides its graph and its variables."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import structlog
from cryptography.fernet import InvalidToken

from server.database.database import Database
from server.orchestrator.job_runs import checkpoint_store
from server.orchestrator.job_runs.versions import Version
from server.orchestrator.secrets.secret_values import SecretValues
from server.secret_box import SecretBox
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1.job_pb2 import NodeExecution

log: Final = structlog.get_logger(__name__)


class Beginning(NamedTuple):
    """Secrets by name, and what an earlier attempt has stored last; empty when the run begins anew."""

    secrets: Mapping[str, str]
    checkpoint: bytes = b""
    node_executions: Sequence[NodeExecution] = ()


class Beginnings:
    """Finds out what runs begin with."""

    def __init__(self, database: Database, secret_box: SecretBox, secrets: SecretValues) -> None:
        self._database = database
        self._secret_box = secret_box
        self._secrets = secrets

    async def of(self, job: TaskRow, version: Version) -> Beginning:
        """Return what an attempt of `job`, which executes `version`, begins with."""
        secrets = await self._secrets.of(job.tenant, version.secret_names)
        if not version.graph.settings.resume:
            return Beginning(secrets)
        stored = await self._database.read(lambda connection: checkpoint_store.find(connection, job.id))
        if stored is None:
            return Beginning(secrets)
        try:
            checkpoint = await asyncio.to_thread(self._secret_box.unseal, stored.sealed)
        except InvalidToken:
            log.error("a checkpoint cannot be decrypted; the job begins anew", job_id=job.id)
            return Beginning(secrets)
        return Beginning(secrets, checkpoint, stored.executions)
