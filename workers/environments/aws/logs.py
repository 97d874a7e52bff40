"""What environments have printed, from CloudWatch Logs: a stream for each task that ever ran."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from workers.environments.aws.account import Account
from workers.environments.aws.settings import Settings
from workers.environments.provider import NotThere, Output
from workers.environments.retrying import Patience

# Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
_MOST_EVENTS: Final = 10_000
_ABSENT: Final = "ResourceNotFoundException"


@dataclass(frozen=True, slots=True)
class Logs:
    """Reads them, and removes them with their environment."""

    account: Account
    settings: Settings
    patience: Patience

    async def read(self, environment_id: str, output: Output, *, tail: int, follow: bool) -> None:
        """Hand over the last `tail` lines, and with `follow` those that come.

        Raises:
            NotThere: it has never run.
        """
        streams = await self._streams(environment_id)
        if not streams and not follow:
            raise NotThere("the environment has not printed anything")
        reading = _Reading(self, output)
        await reading.start(streams, tail)
        while follow:
            await asyncio.sleep(self.patience.pauses.look)
            for stream in await self._streams(environment_id):
                await reading.go_on(stream)

    async def remove(self, environment_id: str) -> None:
        """Remove its streams."""
        for stream in await self._streams(environment_id):
            await self._remove(stream)

    async def _remove(self, stream: str) -> None:
        async def step() -> None:
            await self.account.find(
                "logs", "delete_log_stream", {_ABSENT}, logGroupName=self.settings.log_group, logStreamName=stream
            )

        await self.patience.insist(step)

    async def _streams(self, environment_id: str) -> Sequence[str]:
        """Return its streams, the oldest first."""
        pages = self.account.pages(
            "logs",
            "describe_log_streams",
            "nextToken",
            logGroupName=self.settings.log_group,
            logStreamNamePrefix=f"{environment_id}/",
        )
        streams = [stream async for page in pages for stream in page["logStreams"]]
        return [str(s["logStreamName"]) for s in sorted(streams, key=lambda s: int(s.get("creationTime", 0)))]

    async def events(self, stream: str, *, most: int, token: str | None, from_head: bool) -> "_Page":
        """Return lines of a stream, and the token of those that follow."""
        further: dict[str, Any] = {"nextToken": token} if token else {}

        async def step() -> _Page:
            answer = await self.account.find(
                "logs",
                "get_log_events",
                {_ABSENT},
                logGroupName=self.settings.log_group,
                logStreamName=stream,
                limit=most,
                startFromHead=from_head,
                **further,
            )
            if answer is None:
                return _Page([], None)
            return _Page([str(e["message"]) for e in answer["events"]], str(answer["nextForwardToken"]))

        return await self.patience.insist(step)


@dataclass(frozen=True, slots=True)
class _Page:
    lines: Sequence[str]
    token: str | None


@dataclass(slots=True)
class _Reading:
    """How far each stream has been read."""

    logs: Logs
    output: Output
    tokens: dict[str, str | None] = field(default_factory=dict)

    async def start(self, streams: Sequence[str], tail: int) -> None:
        pages: list[_Page] = []
        left = tail
        for stream in reversed(streams):
            page = await self.logs.events(stream, most=max(1, min(left, _MOST_EVENTS)), token=None, from_head=False)
            self.tokens[stream] = page.token
            if left > 0:
                pages.append(_Page(page.lines[-left:], None))
                left -= len(page.lines)
        for page in reversed(pages):
            self._hand_over(page)

    async def go_on(self, stream: str) -> None:
        while True:
            token = self.tokens.get(stream)
            page = await self.logs.events(stream, most=_MOST_EVENTS, token=token, from_head=True)
            self._hand_over(page)
            self.tokens[stream] = page.token
            # The end is reached when the token stays as it is.
            if page.token is None or page.token == token:
                return

    def _hand_over(self, page: _Page) -> None:
        for line in page.lines:
            self.output(line)
