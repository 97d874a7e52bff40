"""Commands in environments: over SSH to the machine, and to its Docker, as Compute Engine has no call for them."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workers.environments.gcp.admission import Admission
from workers.environments.gcp.machine import Machine, address_of
from workers.environments.gcp.remote_command import RUNNING, remote_command
from workers.environments.gcp.settings import Settings, Waits
from workers.environments.provider import NotThere, Output, ProviderFailed
from workers.environments.retrying import Pauses, Said, carried_out

if TYPE_CHECKING:
    from workers.environments.gcp.login import Login


class Commands:
    """Runs them. All use one key, which is made for the first and lives as long as this."""

    def __init__(self, settings: Settings, admission: Admission, pauses: Pauses, waits: Waits) -> None:
        self._settings = settings
        self._admission = admission
        self._pauses = pauses
        self._waits = waits
        self._login: Login | None = None
        self._making = asyncio.Lock()

    async def run(self, environment_id: str, zone: str, arguments: Sequence[str], output: Output) -> int | None:
        """Run a command, hand over what it prints, and return its exit code; None when a signal ended it.

        Raises:
            NotThere: it does not run.
            ProviderFailed: the machine does not let us in, or the connection broke off.
        """
        login = await self._made_login()
        there = await self._admission.admit(environment_id, zone, login.public_key)
        host_keys = await self._host_keys(there, zone)
        async with await login.open(_address(there), host_keys, pause=self._pauses.look) as session:
            printed, warned = await session.ask(RUNNING)
            if printed != "true":
                raise NotThere("the environment does not run at Google Cloud") from Said(f"docker: {printed} {warned}")
            command, given = remote_command(arguments, secrets.token_hex(8))
            return await session.run(command, given, output)

    async def _made_login(self) -> "Login":
        async with self._making:
            if self._login is None:
                self._login = await carried_out(asyncio.to_thread(self._make_login))
        return self._login

    def _make_login(self) -> "Login":
        from workers.environments.gcp.login import Login

        return Login(self._settings.ssh_port, self._waits)

    async def _host_keys(self, there: Machine, zone: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._waits.host_keys
        while not (found := await self._admission.host_keys(there, zone)):
            if loop.time() > end:
                raise ProviderFailed(
                    "the machine has not published its host keys (guest attributes hostkeys/), so nobody can tell "
                    "whether it is that machine; stop the environment and start it again",
                    retryable=True,
                )
            await asyncio.sleep(self._pauses.look)
        return found


def _address(there: Machine) -> str:
    address = address_of(there)
    if not address:
        raise ProviderFailed("the machine has no external address, over which commands are sent", retryable=True)
    return address
