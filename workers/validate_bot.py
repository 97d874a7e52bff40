"""Tasks of kind "validate_bot": everything a run would need is looked at, and nothing is run."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from switchyard.bots.v1 import bot_instance_pb2
from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from workers.assignment import Assignment, Report, succeeded
from workers.attempt_folder import PathRefused, fetch_files
from workers.flow import Check, load_catalog, validate_config


@dataclass(frozen=True, slots=True)
class ValidateBot:
    """The handler of this kind. `bots_dir` holds further bots."""

    bots_dir: Path | None

    async def __call__(self, assignment: Assignment) -> Report:
        """Check the files of the instance, report each check, and end as done whatever was found.

        Raises:
            LeaseLost: the lease is over.
            Refused: the instance is gone.
        """
        assignment.log.add("info", "Validation started.")
        checks = await self._checks(assignment)
        for check in checks:
            found = f": {check.message}" if check.message else ""
            assignment.log.add("info" if check.ok else "error", f"{check.name} {'ok' if check.ok else 'failed'}{found}")
        status = (
            bot_instance_pb2.VALIDATION_STATUS_VALID
            if all(check.ok for check in checks)
            else bot_instance_pb2.VALIDATION_STATUS_INVALID
        )
        request = bots_pb.ReportValidationRequest(
            lease=assignment.lease.key,
            status=status,
            checks=[
                bot_instance_pb2.ValidationCheck(name=check.name, ok=check.ok, message=check.message)
                for check in checks
            ],
        )
        await assignment.link.call(assignment.link.bots.ReportValidation, request)
        return succeeded(bots_pb.ValidateBotResult(status=status))

    async def _checks(self, assignment: Assignment) -> list[Check]:
        try:
            await fetch_files(assignment.link, assignment.lease.key, assignment.folder)
        except PathRefused as error:
            return [Check("config", ok=False, message=str(error))]
        return await asyncio.to_thread(self._validate, assignment.folder)

    def _validate(self, folder: Path) -> list[Check]:
        return validate_config(folder, load_catalog(self.bots_dir), datetime.now(UTC))
