"""What the run process of a session executes: opens ComfyUI, then does what its worker passes on until it is to end."""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from workers.comfy import messages, user_data
from workers.comfy.api_connection import ApiConnection
from workers.comfy.browser_page import BrowserPage
from workers.comfy.connection import FileMissing
from workers.comfy.errors import BrowserGone, CallRefused, ComfyUnreachable, GraphRefused, Invalid, SessionFailed
from workers.comfy.happenings import Happening
from workers.comfy.history import files_of
from workers.comfy.plan import Plan
from workers.comfy.prompt_run import Followers, Lost, Prompt, PromptRun, Remains, TimedOut
from workers.comfy.results import fetch_results
from workers.comfy.seeds import seeds_for
from workers.comfy.workflow import Workflow, read, read_graph
from workers.flow.host import Level
from workers.flow.outcome import Outcome
from workers.runner.run_process import QuestionRefused, RunHost

# A ComfyUI that does not come back within this time ends the session.
AWAY_SECONDS: Final = 120.0
# For ComfyUI to let go of the prompt that runs when the session ends; less than any grace.
LET_GO_SECONDS: Final = 4.0
# Of a prompt and its workflow together; both go to the server in one message.
COMPOSED_BYTES: Final = 14 << 20

Connection: TypeAlias = ApiConnection | BrowserPage
T = TypeVar("T")


async def hold_session(host: RunHost) -> Outcome:
    """Hold the session that the job of `host` describes."""
    plan = Plan.from_message(host.job["plan"])
    try:
        async with AsyncExitStack() as resources:
            comfy = await _unless_cancelled(host, resources.enter_async_context(_connection(plan, host.chromium_path)))
            if comfy is not None:
                await _Session(host, plan, comfy).hold()
    except SessionFailed as failure:
        host.log("error", f"{failure}.")
        return Outcome("failed", 0, {}, error_type=type(failure).__name__, error_message=str(failure))
    return Outcome("cancelled", 0, {})


def _connection(plan: Plan, chromium_path: str | None) -> AbstractAsyncContextManager[Connection]:
    return ApiConnection(plan) if plan.mode == "api" else BrowserPage(plan, chromium_path)


async def _unless_cancelled(host: RunHost, opening: Coroutine[Any, Any, T]) -> T | None:
    """Return what `opening` returns; give it up and return None when the session is to end before."""
    work, cancelled = asyncio.create_task(opening), asyncio.create_task(host.cancelled.wait())
    try:
        await asyncio.wait((work, cancelled), return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else None
    finally:
        for task in (work, cancelled):
            task.cancel()
        await asyncio.gather(work, cancelled, return_exceptions=True)


class _Session:
    def __init__(self, host: RunHost, plan: Plan, comfy: Connection) -> None:
        self._host = host
        self._plan = plan
        self._comfy = comfy
        self._run: PromptRun | None = None

    async def hold(self) -> None:
        """Return when the session was told to end.

        Raises:
            SessionFailed: it cannot go on.
        """
        await self._host.ask(messages.READY, self._facts())
        try:
            async with asyncio.TaskGroup() as group:
                prompts = group.create_task(self._send_prompts())
                others = [
                    group.create_task(work)
                    for work in (self._answer_calls(), self._watch_browser(), self._watch_comfy())
                ]
                await self._host.cancelled.wait()
                await self._let_go(prompts)
                for task in (prompts, *others):
                    task.cancel()
        except ExceptionGroup as failures:  # the first one ended the others
            raise failures.exceptions[0] from failures

    def _facts(self) -> Mapping[str, object]:
        comfy = self._comfy
        if isinstance(comfy, ApiConnection):
            return {}
        return {"port": comfy.port, "browser_endpoint": comfy.endpoint, "frontend_version": comfy.frontend_version}

    async def _watch_browser(self) -> None:
        raise BrowserGone(await self._comfy.gone())

    async def _watch_comfy(self) -> None:
        """Raise when ComfyUI stays away."""
        line = self._comfy.line
        while True:
            line.changed.clear()
            if line.away_since is None:
                await line.changed.wait()
                continue
            self._host.log("warning", "The connection to ComfyUI is lost; it is looked for again.")
            try:
                async with asyncio.timeout(AWAY_SECONDS):
                    await line.changed.wait()
            except TimeoutError:
                raise ComfyUnreachable(f"ComfyUI has been away for {AWAY_SECONDS:g} s") from None
            self._host.log("info", "ComfyUI is there again.")

    async def _let_go(self, prompts: "asyncio.Task[None]") -> None:
        """Have ComfyUI stop what it executes for us."""
        if self._run is not None:
            self._run.stop.set()
            await asyncio.wait([prompts], timeout=LET_GO_SECONDS)

    async def _answer_calls(self) -> None:
        while True:
            call = await self._host.ask(messages.CALL, None)
            try:
                answer = await (self._open(call["open"]) if "open" in call else self._compose(call["compose"]))
            except CallRefused as refusal:
                answer = {"refusal": {"reason": refusal.reason, "message": str(refusal)}}
            await self._host.ask(messages.ANSWER, {"number": call["number"], **answer})

    async def _open(self, call: Mapping[str, Any]) -> dict[str, object]:
        workflow = await self._workflow(call["workflow_path"])
        count = await self._comfy.open(workflow)
        self._host.log("info", f"Opened {call['workflow_path'] or 'a workflow'} with {count} nodes.")
        return {"opened": {"node_count": count, "format": workflow.format}}

    async def _workflow(self, path: str) -> Workflow:
        """Return the workflow at `path` in ComfyUI's user data; the one that came with the call when it is empty."""
        if not path:
            return read(messages.take(self._host.folder, messages.OPEN_FILE))
        answer = await self._comfy.request("GET", user_data.workflow_route(path))
        if answer.status in (400, 403, 404):
            raise Invalid(f"ComfyUI has no workflow {path!r:.200}")
        answer.check()
        return read(answer.text)

    async def _compose(self, call: Mapping[str, Any]) -> dict[str, object]:
        composed = await self._comfy.compose(call["inputs"])
        if len(composed.prompt.encode()) + len(composed.workflow.encode()) > COMPOSED_BYTES:
            raise Invalid(f"the workflow is too large: as it is sent it has more than {COMPOSED_BYTES >> 20} MiB")
        seeds: Sequence[int] = []
        if call["seed_policy"] != "keep":
            graph = read_graph(composed.prompt)
            seeds = seeds_for(graph, call["seed_policy"], seed=call["seed"], iterations=call["iterations"])
        messages.lay(self._host.folder, messages.COMPOSED_PROMPT_FILE, composed.prompt)
        messages.lay(self._host.folder, messages.COMPOSED_WORKFLOW_FILE, composed.workflow)
        return {"composed": {"seeds": list(seeds)}}

    async def _send_prompts(self) -> None:
        while not self._host.cancelled.is_set():
            given: Mapping[str, Any] = await self._host.ask(messages.PROMPT, None)
            folder = self._host.folder
            prompt = Prompt(messages.take(folder, messages.PROMPT_FILE), messages.take(folder, messages.WORKFLOW_FILE))
            end = await self._carried_out(given["id"], prompt, seconds=given["seconds"])
            await self._host.ask(messages.ENDED, {"id": given["id"], **end})
            self._run = None

    async def _carried_out(self, prompt_id: str, prompt: Prompt, *, seconds: float) -> Mapping[str, object]:
        """Carry out a prompt, which may take `seconds`, and return what is to be said of its end."""
        followers = self._followers(prompt_id)
        run = self._run = PromptRun(
            self._comfy, prompt, followers, submit_again=self._plan.submit_again, seconds=seconds
        )
        listening = asyncio.create_task(self._stop_when_asked(prompt_id, run))
        try:
            remains = await run.carry_out()
            return await self._end(prompt_id, run, remains, followers)
        except GraphRefused as refusal:
            return {"state": "refused", "message": str(refusal)}
        except Lost as loss:
            return {"state": "lost", "message": str(loss)}
        except TimedOut as excess:
            return {"state": "timeout", "message": str(excess)}
        finally:
            listening.cancel()

    async def _end(self, prompt_id: str, run: PromptRun, remains: Remains, followers: Followers) -> dict[str, object]:
        end: dict[str, object] = asdict(remains.ended)
        if remains.ended.state == "success":

            async def store(path: Path) -> None:
                try:
                    await self._host.ask(messages.FILE, [prompt_id, str(path)])
                except QuestionRefused as refusal:
                    raise FileMissing(str(refusal)) from refusal

            files = files_of(remains.entry, run.graph)
            folder = self._host.folder / f"results-{prompt_id}"
            end["results"] = await fetch_results(self._comfy, files, folder, store, followers.log)
        return end

    async def _stop_when_asked(self, prompt_id: str, run: PromptRun) -> None:
        await self._host.ask(messages.CANCELLED, prompt_id)
        run.stop.set()

    def _followers(self, prompt_id: str) -> Followers:
        def sent(comfy_prompt_id: str) -> None:
            self._host.tell(messages.SENT, [prompt_id, comfy_prompt_id])

        def happened(happenings: Sequence[Happening]) -> None:
            micros = time.time_ns() // 1000
            self._host.tell(messages.EVENTS, [prompt_id, micros, [asdict(happening) for happening in happenings]])

        def log(level: Level, text: str) -> None:
            self._host.tell(messages.PROMPT_LOG, [prompt_id, level, text])

        return Followers(sent, happened, log)
