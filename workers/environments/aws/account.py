"""The calls to one account: a client for each service, and what their errors mean."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, cast

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from workers.environments.aws.errors import ERRORS, code_of, meaning
from workers.environments.aws.settings import Settings
from workers.environments.retrying import Patience, carried_out

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 20

# What AWS answers, as its SDK has it.
Answer = Mapping[str, Any]


class Account:
    """Asks AWS, once for each call: a step that is tried again looks first what the call before has done."""

    def __init__(self, settings: Settings, patience: Patience, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._settings = settings
        self._patience = patience
        self._config = AioConfig(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=answer_seconds,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        self._clients: dict[str, Any] = {}
        self._open = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def call(self, service: str, operation: str, /, *, secret: bool = False, **parameters: Any) -> Answer:
        """Return the answer; `secret` says that `parameters` hold one.

        Raises:
            Later, ProviderFailed: as the error means.
        """
        answer = await self.find(service, operation, (), secret=secret, **parameters)
        if answer is None:
            raise AssertionError("no code means that it is absent")
        return answer

    async def find(
        self, service: str, operation: str, absent: Collection[str], /, *, secret: bool = False, **parameters: Any
    ) -> Answer | None:
        """Return the answer; None where its code is one of `absent`.

        Raises:
            Later, ProviderFailed: as any other error means.
        """
        try:
            client = await self._client(service)
            return cast("Answer", await carried_out(getattr(client, operation)(**parameters)))
        except ERRORS as error:
            if isinstance(error, ClientError) and code_of(error) in absent:
                return None
            failure = meaning(error, f"{service}:{operation}", secret=secret)
            raise failure from failure.__cause__

    async def pages(self, service: str, operation: str, token: str, /, **parameters: Any) -> AsyncIterator[Answer]:
        """Return the answers of a list, page by page; `token` is the name of what asks for the next one.

        Raises:
            ProviderFailed: a page cannot be had.
        """
        further: dict[str, Any] = {}

        async def step() -> Answer:
            return await self.call(service, operation, **parameters, **further)

        while True:
            answer = await self._patience.insist(step)
            yield answer
            if not answer.get(token):
                return
            further = {token: answer[token]}

    async def close(self) -> None:
        """Let the connections go."""
        await self._open.aclose()

    async def _client(self, service: str) -> Any:
        async with self._opening:
            if service not in self._clients:
                self._clients[service] = await self._open.enter_async_context(
                    get_session().create_client(
                        service,
                        region_name=self._settings.region,
                        config=self._config,
                        endpoint_url=self._settings.endpoint_url,
                        aws_access_key_id=self._settings.access_key_id,
                        aws_secret_access_key=self._settings.secret_access_key,
                        aws_session_token=self._settings.session_token,
                    )
                )
            return self._clients[service]
