"""The local provider, as a worker uses it: folders, and holders that outlive it."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

import structlog

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from workers.environments.local import control, editor, printed
from workers.environments.local.folder import Folder, IdRefused, State, environments_dir, folders_in
from workers.environments.local.holder import HELD
from workers.environments.local.order import Order
from workers.environments.local.processes import Process, marked
from workers.environments.provider import Made, NotThere, OpenPort, Output, Plan, ProviderFailed, Steps
from workers.environments.providers import Surroundings
from workers.runner import linux

# From the start of the editor to its first answer, on a busy machine.
EDITOR_SECONDS: Final = 120.0
# From SIGTERM to the end of all that is in an environment; then it is killed.
STOP_SECONDS: Final = 10.0
KILL_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.02
QUIET_LOOKS: Final = 2
PAGE_ENVIRONMENTS: Final = 1000

_HOLDER: Final = (sys.executable, "-m", "workers.environments.local.holder")
# A holder gets nothing that may be secret, as what it holds must not.
_HOLDER_VARIABLES: Final = re.compile(r"PATH|HOME|TZ|LANG|LC_\w+|PYTHON\w+")

log: Final = structlog.get_logger(__name__)


def make(surroundings: Surroundings) -> "LocalProvider":
    """Return the provider of a worker."""
    return LocalProvider(surroundings)


class LocalProvider:
    """Environments on this machine. A `workers.environments.provider.Provider`; regions mean nothing here."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._up = _descriptor_of(surroundings.up_pid)
        # Only so that they are collected when they end.
        self._holders: dict[str, subprocess.Popen[bytes]] = {}

    async def create(self, plan: Plan, steps: Steps) -> Made:
        """Make the folder if it is missing, and run what is in it."""
        folder = self._folder(plan.environment_id)
        steps("making the folders", 0.1)
        await asyncio.to_thread(folder.make)
        return await self._run(folder, plan, steps)

    async def start(self, plan: Plan, steps: Steps) -> Made:
        """Run what is in the folder."""
        return await self.create(plan, steps)

    async def stop(self, environment_id: str, region: str, steps: Steps) -> None:  # noqa: ARG002 - there are none
        """End every process of it."""
        steps("ending the processes", 0.1)
        await self._end(self._folder(environment_id))

    async def delete(self, environment_id: str, region: str, steps: Steps) -> None:  # noqa: ARG002
        """End every process of it, and remove the folder."""
        folder = self._folder(environment_id)
        steps("ending the processes", 0.1)
        await self._end(folder)
        if not folder.exists:
            return
        steps("removing the files", 0.5)
        if stayed := await asyncio.to_thread(folder.remove):
            log.error("files of an environment could not be removed", environment_id=environment_id, files=stayed[:20])
            raise ProviderFailed("some of its files could not be removed", retryable=True)

    async def describe(self, environment_id: str, region: str) -> FoundEnvironment | None:  # noqa: ARG002
        """Look at its folder and its process."""
        folder = self._folder(environment_id)
        return _found(folder) if folder.exists else None

    async def logs(
        self,
        environment_id: str,
        region: str,  # noqa: ARG002
        output: Output,
        *,
        tail: int,
        follow: bool,
    ) -> None:
        """Read the file of its output."""
        folder = self._folder(environment_id)
        try:
            lines, file = await asyncio.to_thread(printed.tail, folder.log, tail)
        except FileNotFoundError:
            raise NotThere("it has not printed anything on this machine") from None
        with file:
            for line in lines:
                output(line)
            if not follow:
                return
            async for new in printed.follow(folder.log, file):
                for line in new:
                    output(line)

    async def exec(
        self,
        environment_id: str,
        region: str,  # noqa: ARG002
        arguments: Sequence[str],
        output: Output,
    ) -> int | None:
        """Have its holder run the command, in a view of its own."""
        folder = self._folder(environment_id)
        exit_code = None
        try:
            async for answer in control.run(folder.control, arguments):
                if isinstance(answer, str):
                    output(answer)
                else:
                    exit_code = answer
        except control.NobodyListens:
            raise NotThere("the environment does not run") from None
        return exit_code

    async def found(self) -> AsyncIterator[Sequence[FoundEnvironment]]:
        """List the folders."""
        folders = await asyncio.to_thread(lambda: list(folders_in(self._surroundings.data_dir)))
        for begin in range(0, len(folders), PAGE_ENVIRONMENTS):
            page = folders[begin : begin + PAGE_ENVIRONMENTS]
            yield await asyncio.to_thread(_found_all, page)

    async def close(self) -> None:
        """Let the holders go on by themselves."""
        for holder in self._holders.values():
            holder.poll()
            holder.returncode = holder.returncode or 0  # nobody is to wait for it
        if self._up is not None:
            os.close(self._up)

    def _folder(self, environment_id: str) -> Folder:
        try:
            return Folder(self._surroundings.data_dir, environment_id)
        except IdRefused as refusal:
            raise ProviderFailed(str(refusal), kind="ProviderRefused") from refusal

    async def _run(self, folder: Folder, plan: Plan, steps: Steps) -> Made:
        """Start a holder unless one is there, and return when the editor answers."""
        loop = asyncio.get_running_loop()
        process: subprocess.Popen[bytes] | None = None
        deadline = None
        said: set[str] = set()
        while True:
            state = folder.read_state()
            if state is not None and state.holder.alive:
                _say_once(steps, said, state)
                deadline = deadline or (None if state.port == 0 else loop.time() + EDITOR_SECONDS)
                if state.port and await _answers(state.port):
                    if not plan.secrets.get("CODE_SERVER_PASSWORD"):
                        steps(f"the password of its editor is in {_name(folder)}/ide-password of the data folder", 1.0)
                    return _made(folder, plan, state.port, editor.page_of(self._command()))
            elif process is None:
                steps("starting it", 0.3)
                process = await self._start(plan)
            elif (exit_code := process.poll()) is not None:
                _require_held(exit_code, state)
                process = None
            if deadline is not None and loop.time() > deadline:
                raise ProviderFailed("its editor does not answer", retryable=True)
            await asyncio.sleep(LOOK_SECONDS)

    async def _start(self, plan: Plan) -> subprocess.Popen[bytes]:
        order = self._order(plan).to_json()
        holder = subprocess.Popen(  # noqa: ASYNC220 - it is to outlive this loop
            _HOLDER,
            cwd=editor.ROOT,
            env={**_holder_variables(), "ENVIRONMENT_ID": plan.environment_id},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=() if self._up is None else (self._up,),
        )
        self._holders[plan.environment_id] = holder
        assert holder.stdin is not None  # noqa: S101 - it was asked for
        with suppress(BrokenPipeError), holder.stdin as stdin:
            await asyncio.to_thread(stdin.write, order)
        log.info("a holder was started", environment_id=plan.environment_id, pid=holder.pid)
        return holder

    def _order(self, plan: Plan) -> Order:
        command = self._command()
        return Order(
            data_dir=str(self._surroundings.data_dir),
            environment_id=plan.environment_id,
            region=plan.region,
            user_id=plan.user_id,
            cpu_cores=plan.cpu_cores,
            memory_gb=plan.memory_gb,
            startup_script=plan.startup_script,
            ide_command=command,
            variables=plan.variables,
            secrets=plan.secrets,
            hidden=[str(self._surroundings.data_dir), str(self._surroundings.work_dir)],
            shown=editor.programs_of(command),
            up=self._up,
        )

    def _command(self) -> Sequence[str]:
        """Raises ProviderFailed."""
        try:
            return editor.command_of(self._surroundings.ide_command)
        except editor.NoEditor:
            sentence = "this machine has no editor; `make setup` installs JupyterLab, LOCAL_IDE_COMMAND names another"
            raise ProviderFailed(sentence, kind="ProviderRefused") from None

    async def _end(self, folder: Folder) -> None:
        """End every process of an environment, and return when none is alive.

        Raises:
            ProviderFailed: one outlives SIGKILL.
        """
        holder = folder.holder()
        if holder is not None:
            below = _below(holder)
            holder.send(signal.SIGTERM)
            if not await _ended([holder], STOP_SECONDS):
                below += _below(holder)
                holder.send(signal.SIGKILL)
            await self._kill([holder, *below])
        await self._end_marked(folder.environment_id)
        if (started := self._holders.pop(folder.environment_id, None)) is not None:
            started.poll()

    async def _end_marked(self, environment_id: str) -> None:
        """End a holder that has not told of itself yet, and what one that was killed has left.

        A look does not see what is begun during it, nor a program in the moment in which it takes the place of another:
        two looks in a row that find nothing have missed nothing.
        """
        quiet = 0
        while quiet < QUIET_LOOKS:
            found = await asyncio.to_thread(lambda: list(marked("ENVIRONMENT_ID", environment_id)))
            quiet = 0 if found else quiet + 1
            await self._kill(found)
            await asyncio.sleep(LOOK_SECONDS)

    async def _kill(self, processes: Sequence[Process]) -> None:
        for process in processes:
            process.send(signal.SIGKILL)
        if not await _ended(processes, KILL_SECONDS):
            left = [process.pid for process in processes if process.alive]
            log.error("processes of an environment could not be ended", pids=left)
            raise ProviderFailed("some of its processes could not be ended", retryable=True)


def _holder_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if _HOLDER_VARIABLES.fullmatch(name)}


def _descriptor_of(up_pid: int | None) -> int | None:
    """Return a descriptor of `switchyard up`, which becomes readable when that ends; None when there is none."""
    if up_pid is None:
        return None
    descriptor = os.pidfd_open(up_pid)
    if os.getppid() != up_pid:  # it has ended meanwhile, and its pid may be somebody else's
        os.close(descriptor)
        raise ProviderFailed("the system is stopping", kind="ProviderBusy", retryable=True)
    return descriptor


def _say_once(steps: Steps, said: set[str], state: State) -> None:
    name, fraction = ("running the startup script", 0.4) if state.in_script else ("starting the editor", 0.7)
    if not state.isolated and "isolation" not in said:
        said.add("isolation")
        steps("bubblewrap cannot be used here: the environment is not isolated from this machine", 0.35)
    if name not in said:
        said.add(name)
        steps(name, fraction)


def _require_held(exit_code: int, state: State | None) -> None:
    """Return if a holder ended because there is another one, which may be about to end.

    Raises:
        ProviderFailed: it ended for another reason.
    """
    if exit_code == HELD:
        return
    failed = state.failed if state is not None else ""
    raise ProviderFailed(failed or "it ended before its editor could be reached", retryable=not failed)


async def _answers(port: int) -> bool:
    """Return whether HTTP is spoken on that port."""
    try:
        async with asyncio.timeout(5.0):
            reader, writer = await asyncio.open_connection(editor.HOST, port)
            try:
                writer.write(f"GET / HTTP/1.1\r\nHost: {editor.HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
                return (await reader.read(5)).startswith(b"HTTP/")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


def _made(folder: Folder, plan: Plan, port: int, page: str) -> Made:
    url = f"http://{editor.HOST}:{port}{page}"
    own = [
        OpenPort(name, number, f"http://{editor.HOST}:{number}") for name, number in plan.ports.items() if name != "ide"
    ]
    return Made(
        resource_id=f"{socket.gethostname()}/{_name(folder)}",
        ide_url=url,
        ports=[OpenPort("ide", port, url), *own],
        public_ip=editor.HOST,
        storage_name=f"{_name(folder)}/workspace",
    )


def _found_all(folders: Sequence[Folder]) -> list[FoundEnvironment]:
    return [_found(folder) for folder in folders if folder.exists]


def _found(folder: Folder) -> FoundEnvironment:
    state = folder.read_state()
    standing, detail = _standing(state)
    resources = [_name(folder)]
    if state is not None and state.holder.alive:
        resources.append(f"process {state.pid}")
    return FoundEnvironment(environment_id=folder.environment_id, standing=standing, resources=resources, detail=detail)


def _standing(state: State | None) -> tuple["FoundEnvironment.Standing.ValueType", str]:
    if state is None or not state.holder.alive:
        if state is not None and state.failed:
            return FoundEnvironment.STANDING_FAILED, state.failed
        return FoundEnvironment.STANDING_STOPPED, "no process"
    if state.port == 0:
        return FoundEnvironment.STANDING_CHANGING, "starting"
    return FoundEnvironment.STANDING_RUNNING, f"process {state.pid}"


def _name(folder: Folder) -> str:
    return f"{environments_dir(folder.path).name}/{folder.environment_id}"


def _below(holder: Process) -> list[Process]:
    return [found for pid in linux.descendants(holder.pid) if (found := Process.of(pid)) is not None]


async def _ended(processes: Sequence[Process], seconds: float) -> bool:
    """Return whether all have ended, at once when they have, at the latest after `seconds`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while any(process.alive for process in processes):
        if loop.time() > end:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True
