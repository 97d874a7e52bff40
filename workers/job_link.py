"""What a run of a workflow asks of the server, over the link of the worker or robot that holds its job."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.orchestrator.v1 import job_run_service_pb2 as pb
from switchyard.orchestrator.v1.job_pb2 import NodeExecution
from switchyard.tasks.v1.task_pb2 import Artifact
from workers.artifact_upload import UPLOAD_SECONDS, FileRefused, upload
from workers.browser_report import BrowserReport
from workers.conversation import Log
from workers.job_server import JobServerRefused
from workers.server_link import LeaseLost, Refused, ServerLink, Unary
from workers.workflow.host import Subworkflow


class JobLink:
    """The `workers.job_server.JobServer` of one job. Every method raises LeaseLost when the job is lost.

    `folder` is that of the run, outside of which no file is stored. `browser` None: what happens in its browser is
    told to nobody.
    """

    def __init__(
        self,
        link: ServerLink,
        *,
        robot_id: str,
        job_id: str,
        fencing_token: int,
        folder: Path,
        log: Log,
        browser: BrowserReport | None,
    ) -> None:
        self._link = link
        self._who: dict[str, Any] = {"robot_id": robot_id, "job_id": job_id, "fencing_token": fencing_token}
        self._folder = folder
        self._log = log
        self._browser = browser

    async def resolve(self, url: str) -> Sequence[str]:
        """Return the IP addresses at which `url` may be called. Raises JobServerRefused."""
        request = pb.ResolveJobAddressRequest(**self._who, url=url)
        return list((await self._ask(self._link.job_runs.ResolveJobAddress, request)).addresses)

    async def workflow(self, name: str) -> Subworkflow:
        """Return the newest version of the workflow with this id or name. Raises JobServerRefused."""
        request = pb.GetSubworkflowRequest(**self._who, workflow=name)
        found = await self._ask(self._link.job_runs.GetSubworkflow, request)
        return Subworkflow(found.workflow_id, found.graph, dict(found.secrets))

    async def keep(self, checkpoint: bytes, executed: Sequence[NodeExecution], *, before: int) -> None:
        """Store where the run is, and what was executed behind the first `before` ones. Raises JobServerRefused."""
        request = pb.SaveCheckpointRequest(
            **self._who, checkpoint=checkpoint, executions_before=before, node_executions=executed
        )
        await self._ask(self._link.job_runs.SaveCheckpoint, request)

    async def artifact(self, kind: str, path: Path) -> None:
        """Store a file of the run; one that cannot be stored is a line in the log."""
        try:
            await upload(self._link, self._send, self._folder, kind, path)
        except FileRefused as refusal:
            self._log("warning", f"An artifact was not kept: {refusal}.", None)

    async def browser_event(self, event_type: str, details: Mapping[str, object], micros: int) -> None:
        """Tell what happened in the browser of the run."""
        if self._browser is not None:
            await self._browser.add(event_type, details, micros)

    async def _send(self, artifact: Artifact, pieces: AsyncIterator[bytes]) -> Artifact:
        async def requests() -> AsyncIterator[pb.UploadJobArtifactRequest]:
            yield pb.UploadJobArtifactRequest(**self._who, artifact=artifact)
            async for data in pieces:
                yield pb.UploadJobArtifactRequest(data=data)

        call = self._link.job_runs.UploadJobArtifact(requests(), timeout=UPLOAD_SECONDS, metadata=self._link.metadata)
        return (await call).artifact

    async def _ask(self, method: Unary[Any, Any], request: Any) -> Any:
        try:
            return await self._link.call(method, request)
        except LeaseLost:
            raise
        except Refused as refusal:
            raise JobServerRefused(str(refusal)) from refusal
