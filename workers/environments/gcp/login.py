"""The way into a machine over SSH. Loaded late: the library takes a while.

The key is made here, and is nowhere but in the memory of this process.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

import asyncssh

from workers.environments.gcp.names import NETWORK_TAG
from workers.environments.gcp.settings import Waits
from workers.environments.gcp.ssh_keys import USER
from workers.environments.local.printed import Lines
from workers.environments.provider import Output, ProviderFailed
from workers.environments.retrying import Said

READ_BYTES: Final = 64 * 1024
# A machine that says nothing for so many times as long has gone.
_ALIVE_SECONDS: Final = 15.0
_ALIVE_COUNT: Final = 3


class Login:
    """A key, and the sessions that are opened with it."""

    def __init__(self, port: int, waits: Waits) -> None:
        self._port = port
        self._waits = waits
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        # As in "ssh-ed25519 AAAA...", without a comment.
        self.public_key = " ".join(self._key.export_public_key().decode().split()[:2])

    async def open(self, address: str, host_keys: Sequence[str], *, pause: float) -> "Session":
        """Return a session at the machine that has one of `host_keys`, each as "ssh-ed25519 AAAA...".

        Tried again after each pause, in seconds, while the machine does not know the key yet.

        Raises:
            ProviderFailed: it does not take the key, cannot be reached, or is not that machine.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self._waits.key
        while True:
            try:
                return Session(await self._connected(address, host_keys), self._waits)
            # Cut off before: its SSH server is being started again.
            except (asyncssh.PermissionDenied, asyncssh.ConnectionLost, ConnectionResetError) as refusal:
                if loop.time() > end:
                    unknown = isinstance(refusal, asyncssh.PermissionDenied)
                    failure = _not_let_in(self._waits.key) if unknown else _cut_off()
                    raise failure from Said(f"{address}:{self._port}: {refusal!r}")
            await asyncio.sleep(pause)

    async def _connected(self, address: str, host_keys: Sequence[str]) -> asyncssh.SSHClientConnection:
        try:
            async with asyncio.timeout(self._waits.answer):
                return await asyncssh.connect(
                    address,
                    self._port,
                    username=USER,
                    client_keys=[self._key],
                    known_hosts=(_known(host_keys), [], []),
                    # Nothing of the user that this worker runs as: neither files nor an agent.
                    config=None,
                    agent_path=None,
                    preferred_auth=["publickey"],
                    keepalive_interval=_ALIVE_SECONDS,
                    keepalive_count_max=_ALIVE_COUNT,
                )
        # Without an algorithm in common it has none of these keys either.
        except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed) as refusal:
            raise _not_that_machine() from Said(f"{address}:{self._port}: {refusal!r}")
        except (asyncssh.PermissionDenied, asyncssh.ConnectionLost, ConnectionResetError):
            raise
        except (asyncssh.Error, OSError) as failure:
            raise _unreachable(self._port) from Said(f"{address}:{self._port}: {failure!r}")


class Session:
    """A connection to a machine. Used as a context: at its end it is closed."""

    def __init__(self, connection: asyncssh.SSHClientConnection, waits: Waits) -> None:
        self._connection = connection
        self._waits = waits

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.close()
        await self._connection.wait_closed()

    async def ask(self, command: str) -> tuple[str, str]:
        """Return what a short command prints, and what it warns of, without the space around them.

        Raises:
            ProviderFailed: the connection ended before it, or it took too long.
        """
        try:
            answer = await self._connection.run(command, timeout=self._waits.answer)
        except (asyncssh.Error, OSError) as failure:
            raise _broken_off() from Said(repr(failure))
        return str(answer.stdout).strip(), str(answer.stderr).strip()

    async def run(self, command: str, given: bytes, output: Output) -> int | None:
        """Run a command that reads `given`, hand over what it prints, and return its exit code; None after a signal.

        Broken off, its input ends, and it is waited for a while.

        Raises:
            ProviderFailed: the connection ended before it.
        """
        try:
            process = await self._connection.create_process(command, encoding=None, stderr=asyncssh.STDOUT)
            await self._hand_over(process, given, output)
        except (asyncssh.Error, OSError) as failure:
            raise _broken_off() from Said(repr(failure))
        if process.exit_status is None:
            raise _broken_off() from Said("closed without an exit code")
        return process.exit_status if process.exit_status >= 0 else None

    async def _hand_over(self, process: asyncssh.SSHClientProcess[bytes], given: bytes, output: Output) -> None:
        lines = Lines()
        ended = False
        try:
            process.stdin.write(given)
            while data := await process.stdout.read(READ_BYTES):
                for line in lines.feed(data):
                    output(line)
            for line in lines.rest():
                output(line)
            await process.wait_closed()
            ended = True
        finally:
            if not ended:
                await self._end(process)

    async def _end(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        with suppress(asyncssh.Error, OSError):
            async with asyncio.timeout(self._waits.end):
                process.stdin.write_eof()
                # What it still prints is read: until then it would not end.
                while await process.stdout.read(READ_BYTES):
                    pass
                await process.wait_closed()


def _known(host_keys: Sequence[str]) -> list[asyncssh.SSHKey]:
    known = []
    for text in host_keys:
        with suppress(asyncssh.KeyImportError):  # of a kind that this library does not know
            known.append(asyncssh.import_public_key(text))
    return known


def _not_let_in(seconds: float) -> ProviderFailed:
    sentence = (
        f"the machine did not take the key of this worker within {seconds:.0f} seconds; does its guest agent run, and "
        "does no policy of the organization demand OS Login?"
    )
    return ProviderFailed(sentence, retryable=True)


def _cut_off() -> ProviderFailed:
    sentence = "the machine ends each connection before a command is sent; does it have the host keys it has published?"
    return ProviderFailed(sentence, retryable=True)


def _not_that_machine() -> ProviderFailed:
    return ProviderFailed(
        "what answers at the address of the machine does not have the host key that the machine has published, so no "
        "command was sent to it"
    )


def _unreachable(port: int) -> ProviderFailed:
    sentence = (
        f"the machine cannot be reached at its port {port}, over which commands are sent; a firewall rule must let the "
        f"workers in there, for the network tag {NETWORK_TAG}"
    )
    return ProviderFailed(sentence, retryable=True)


def _broken_off() -> ProviderFailed:
    return ProviderFailed("the connection to the environment broke off; a command that ran is ended there")
