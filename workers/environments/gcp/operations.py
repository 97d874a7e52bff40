"""The operations of Compute Engine: what was asked for is done when its operation is."""

from dataclasses import dataclass
from typing import Any

from workers.environments.gcp.errors import of_operation
from workers.environments.gcp.project import NOT_FOUND, Project
from workers.environments.retrying import Patience


@dataclass(frozen=True, slots=True)
class Operations:
    """Waits for them."""

    project: Project
    patience: Patience

    async def end(self, operation: Any | None, zone: str, call: str) -> None:
        """Wait until an operation has ended; None is one that was not begun.

        Raises:
            ProviderFailed: it has failed, or takes too long.
        """
        if operation is None:
            return

        async def look() -> Any | None:
            # An operation that has ended is forgotten after a while.
            now = await self.project.compute(
                "ZoneOperationsClient", "get", {NOT_FOUND}, zone=zone, operation=operation.name
            )
            return operation if now is None else now if now.status.name == "DONE" else None

        failure = of_operation(await self.patience.wait_for(look, "an operation"), call)
        if failure is not None:
            raise failure from failure.__cause__
