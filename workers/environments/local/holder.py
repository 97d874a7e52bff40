"""`python -m workers.environments.local.holder`: holds one environment from its start to its end.

It reads an `Order` and then lives by itself: the worker that has started it may end. SIGTERM, or the end of
`switchyard up`, ends the environment. It ends by itself when its editor does.
"""

import asyncio
import dataclasses
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from workers.environments.local import control, editor
from workers.environments.local.enclosure import enclosure_of
from workers.environments.local.folder import Folder, State
from workers.environments.local.order import Order, OrderBroken
from workers.environments.local.printed import Lines, LogFile
from workers.environments.local.processes import Process
from workers.environments.local.programs import Programs, printed, too_large
from workers.runner import linux
from workers.runner.messages import HOLDER_NAME
from workers.supervise import REFUSED

# An editor that crashes more often than this within the time ends the environment.
CRASHES: Final = 5
CRASH_SECONDS: Final = 300.0
CRASH_PAUSE_SECONDS: Final = 0.5
# The program that reports activity is started again after this time.
SUPERVISE_PAUSE_SECONDS: Final = 30.0
WATCH_SECONDS: Final = 1.0
_GB: Final = 1024**3

# Exit code of a holder that was not needed: another one holds the environment.
HELD: Final = 75


class Holder:
    """One environment that runs."""

    def __init__(self, order: Order, folder: Folder) -> None:
        self._order = order
        self._folder = folder
        self._password = order.secrets.get("CODE_SERVER_PASSWORD") or folder.password()
        enclosure = enclosure_of(folder, order.hidden, order.shown)
        self._isolated = enclosure.bubblewrap is not None
        self._runtime_dir = enclosure.runtime_dir()
        variables = editor.variables_of(
            folder, order.variables, order.secrets, password=self._password, runtime_dir=self._runtime_dir
        )
        self._programs = Programs(enclosure, variables)
        self._log = LogFile(folder.log)
        before = folder.read_state()
        self._port = 0 if before is None else before.port
        own = Process.of(os.getpid())
        assert own is not None  # noqa: S101 - we live
        self._state = State(own.pid, own.start, order.region, order.user_id, self._isolated)
        self._scripted = asyncio.Event()  # the startup script has ended, and a port was found for the editor
        self._calls: set[asyncio.Task[None]] = set()

    async def hold(self) -> None:
        """Run the environment until it ends, or is to end; then nothing of it is alive."""
        stop = self._stop_event()
        self._note(in_script=bool(self._order.startup_script))
        if not self._isolated:
            self._say("this environment is not isolated: bubblewrap is missing, or may not be used here")
        server = await asyncio.start_unix_server(
            self._called, sock=control.listening(self._folder.control), limit=control.MESSAGE_BYTES
        )
        try:
            await self._live(stop)
        finally:
            server.close()
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)
            self._programs.tidy()
            self._folder.control.unlink(missing_ok=True)
            if not self._isolated:
                shutil.rmtree(self._runtime_dir, ignore_errors=True)
            self._say("the environment has ended")
            self._log.close()

    async def _live(self, stop: asyncio.Event) -> None:
        stopped = asyncio.create_task(stop.wait())
        life = asyncio.create_task(self._work())
        beside = [stopped, asyncio.create_task(self._watch()), asyncio.create_task(self._supervise())]
        try:
            await asyncio.wait([life, *beside[:2]], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (life, *beside):
                task.cancel()
            outcomes = await asyncio.gather(life, *beside, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _work(self) -> None:
        """Run the startup script, then the editor until it ends."""
        self._write_public_key()
        if self._order.startup_script:
            await self._run_script()
            self._note(in_script=False)
        crashes: deque[float] = deque()
        while (exit_code := await self._run_editor()) != 0:
            crashes.append(time.monotonic())
            while crashes[0] < crashes[-1] - CRASH_SECONDS:
                crashes.popleft()
            if len(crashes) > CRASHES:
                self._note(failed="its editor crashed again and again")
                self._say("the editor has crashed too often and is not started again")
                return
            self._say(f"the editor ended with exit code {exit_code} and is started again")
            await asyncio.sleep(CRASH_PAUSE_SECONDS)
        self._say("the editor was ended")

    async def _run_script(self) -> None:
        script = self._folder.home / ".startup.sh"
        script.write_text(self._order.startup_script, encoding="utf-8")
        self._say("running the startup script")
        exit_code = await self._run(["sh", str(script)])
        if exit_code:
            self._say(f"the startup script failed with exit code {exit_code}")

    async def _run_editor(self) -> int:
        self._port = editor.free_port(self._port)
        self._note(port=self._port)
        self._scripted.set()
        return await self._run(editor.filled_in(self._order.ide_command, self._folder, self._port))

    async def _run(self, command: Sequence[str]) -> int:
        """Run a program to its end, note what it prints, and return its exit code; 127 when it cannot be started."""
        lines = self._lines()
        try:
            async with self._programs.running(command) as process:
                async for data in printed(process):
                    self._log.write(lines.feed(data))
                self._log.write(lines.rest())
                return await process.wait()
        except OSError as error:
            self._say(f"{command[0]} cannot be started: {error.strerror}")
            return 127

    async def _watch(self) -> None:
        """Keep the memory within its limit, and the tree tidy."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._programs.tidy()
            if (found := too_large(self._order.memory_gb * _GB)) is None:
                continue
            pid, name, used = found
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._say(
                f"process {name} was ended: {used / _GB:.1f} GB were used, and the environment may use "
                f"{self._order.memory_gb} GB"
            )

    async def _supervise(self) -> None:
        """Run what reports the activity of the environment, for as long as it wants to."""
        await self._scripted.wait()
        while command := supervise_command(self._order, self._port):
            if await self._run(command) in (0, REFUSED):
                return
            await asyncio.sleep(SUPERVISE_PAUSE_SECONDS)

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None  # noqa: S101 - it is one
        self._calls.add(call)
        try:
            await self._answer(reader, writer)
        except (OSError, ValueError):  # the caller has gone, or never said what it wants
            return
        finally:
            self._calls.discard(call)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arguments = [str(word) for word in json.loads(await reader.readline())["arguments"]]
        async with self._programs.running(arguments) as process:
            left = asyncio.create_task(reader.read())
            telling = asyncio.create_task(self._tell(process, writer))
            try:
                await asyncio.wait([left, telling], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (left, telling):
                    task.cancel()
                await asyncio.gather(left, telling, return_exceptions=True)

    async def _tell(self, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter) -> None:
        lines = self._lines()
        async for data in printed(process):
            writer.writelines(control.message({"line": line}) for line in lines.feed(data))
            await writer.drain()
        writer.writelines(control.message({"line": line}) for line in lines.rest())
        writer.write(control.message({"exit_code": await process.wait()}))
        await writer.drain()

    def _stop_event(self) -> asyncio.Event:
        """Return what is set when the environment is to end."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        if (up := self._order.up) is not None:

            def gone() -> None:
                loop.remove_reader(up)
                stop.set()

            loop.add_reader(up, gone)
        return stop

    def _write_public_key(self) -> None:
        if key := self._order.secrets.get("SSH_PUBLIC_KEY"):
            folder = self._folder.home / ".ssh"
            folder.mkdir(mode=0o700, exist_ok=True)
            with (folder / "authorized_keys").open("w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(key.strip() + "\n")

    def _lines(self) -> Lines:
        return Lines(editor.hidden_in_logs(self._order.secrets, self._password))

    def _note(self, **changes: object) -> None:
        self._state = dataclasses.replace(self._state, **changes)  # type: ignore[arg-type]
        self._folder.write_state(self._state)

    def _say(self, text: str) -> None:
        self._log.write([f"switchyard: {text}"])


def supervise_command(order: Order, ide_port: int) -> list[str] | None:
    """Return the command line of what reports activity; None when nobody would take its reports."""
    if not (order.variables.get("AGENT_URL") and order.secrets.get("ENVIRONMENT_TOKEN")):
        return None
    # Nobody comes in by SSH: what listens at its port here is the machine's own.
    return [sys.executable, "-P", "-m", "workers.supervise", "--ide-port", str(ide_port), "--ssh-port", "0"]


def main() -> int:
    """Hold the environment of the order on standard input; return the exit code."""
    linux.set_name(HOLDER_NAME)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        order = Order.from_json(sys.stdin.buffer.read())
    except OrderBroken:
        return 1
    folder = Folder(Path(order.data_dir), order.environment_id)
    with folder.held() as held:
        if not held:
            return HELD
        linux.adopt_orphans()
        os.sched_setaffinity(0, own_cpus(order))
        try:
            asyncio.run(Holder(order, folder).hold())
        except Exception:  # noqa: BLE001 - there is nobody above to tell, and the log is where people look
            (folder.path / "holder.log").write_text(traceback.format_exc(), encoding="utf-8")
            return 1
    return 0


def own_cpus(order: Order) -> set[int]:
    """Return the CPUs an environment may use: as many as it has cores, not always the same ones."""
    all_cpus = sorted(os.sched_getaffinity(0))
    first = sum(order.environment_id.encode()) % len(all_cpus)
    return {all_cpus[(first + number) % len(all_cpus)] for number in range(order.cpu_cores)}


if __name__ == "__main__":
    sys.exit(main())
