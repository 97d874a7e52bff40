"""Follows environments: as they stand, and again after each change, until they are gone."""

from collections.abc import AsyncGenerator

from server.clock import to_timestamp
from server.database.database import Database
from server.environments import environment_lookup, environment_store
from server.environments.environment_store import Whose
from server.environments.new_task import environment_subject
from server.tasks.kernel import LOOK_SECONDS, Kernel
from switchyard.environments.v1 import environment_service_pb2 as pb
from switchyard.environments.v1.environment_pb2 import Environment


class Watching:
    """Gives changes to one reader after the other."""

    def __init__(self, database: Database, kernel: Kernel) -> None:
        self._database = database
        self._kernel = kernel

    async def follow(self, environment_id: str, whose: Whose) -> AsyncGenerator[pb.WatchEnvironmentResponse, None]:
        """Yield the environment now and after each change, each step of its provider too, and last that it is gone.

        What changes twice between two looks is told as it stands then.

        Raises:
            NotFound: there is none of that id for that caller.
        """
        await self._database.read(lambda connection: environment_store.require(connection, environment_id, whose))
        told = None
        with self._kernel.changes.watch(environment_subject(environment_id)) as watch:
            while (shown := await self._look(environment_id, whose)) is not None:
                if shown != told:
                    yield pb.WatchEnvironmentResponse(environments=[shown])
                    told = shown
                await watch.wait(LOOK_SECONDS)
        gone = pb.WatchEnvironmentResponse.Gone(id=environment_id, see_time=to_timestamp(self._kernel.clock()))
        yield pb.WatchEnvironmentResponse(gone=gone)

    async def _look(self, environment_id: str, whose: Whose) -> Environment | None:
        now = self._kernel.clock()
        return await self._database.read(
            lambda connection: environment_lookup.find(connection, environment_id, whose, now=now)
        )
