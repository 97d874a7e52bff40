"""The calls to one project: Compute Engine by its client, Secret Manager by its REST API, each in a thread.

The official client of Compute Engine knows no asyncio. It is loaded in a thread too: that takes seconds, during which
leases must be renewed.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any, Final, TypeVar

import google.auth
import requests
from google.api_core.exceptions import GoogleAPICallError, from_http_response
from google.auth.credentials import AnonymousCredentials
from google.auth.transport import requests as authorized

from workers.environments.gcp.errors import ERRORS, meaning
from workers.environments.gcp.settings import Settings
from workers.environments.retrying import Patience, carried_out

ANSWER_SECONDS: Final = 20.0
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
MANAGER_URL: Final = "https://secretmanager.googleapis.com"

NOT_FOUND: Final = 404
EXISTS: Final = 409

Answer = TypeVar("Answer")


class Project:
    """Asks Google Cloud, once for each call: a step that is tried again looks first what the call before has done."""

    def __init__(self, settings: Settings, patience: Patience, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._settings = settings
        self._patience = patience
        self._answer_seconds = answer_seconds
        self._credentials: Any = None
        self._clients: dict[str, Any] = {}
        self._session: requests.Session | None = None
        self._opening = asyncio.Lock()

    async def compute(self, client: str, method: str, absent: Collection[int] = (), /, **request: Any) -> Any | None:
        """Return the answer of a method of "InstancesClient" or another; None where its status is one of `absent`.

        Raises:
            Later, ProviderFailed: as the error means.
        """

        def ask(opened: Any) -> Any:
            full = {"project": self._settings.project, **request}
            return getattr(opened, method)(request=full, timeout=self._answer_seconds, retry=None)

        return await self._ask(lambda: self._client(client), ask, f"{client}.{method}", absent)

    async def compute_pages(self, client: str, label: str) -> AsyncIterator[Any]:
        """Return all of a kind that have a label, in all zones, page by page.

        Raises:
            ProviderFailed: a page cannot be had.
        """
        further: dict[str, Any] = {}

        async def step() -> Any:
            # A zone that does not answer is an error: what is there must not look as if it were gone.
            pager = await self.compute(
                client,
                "aggregated_list",
                filter=f"labels.{label}:*",
                max_results=500,
                **further,
            )
            # It has the first page already, and would ask for the next one itself, in this thread.
            return None if pager is None else next(iter(pager.pages))

        while True:
            page = await self._patience.insist(step)
            yield page
            if not page.next_page_token:
                return
            further = {"page_token": page.next_page_token}

    async def secrets(
        self,
        method: str,
        path: str,
        absent: Collection[int] = (),
        /,
        *,
        secret: bool = False,
        body: Mapping[str, Any] | None = None,
        **query: str,
    ) -> Mapping[str, Any] | None:
        """Return the answer of Secret Manager; None where its status is one of `absent`.

        Raises:
            Later, ProviderFailed: as the error means.
        """
        root = self._settings.endpoint or MANAGER_URL
        url = f"{root}/v1/projects/{self._settings.project}/{path}"

        def ask(session: requests.Session) -> Mapping[str, Any]:
            response = session.request(method, url, params=query, json=body, timeout=self._answer_seconds)
            return _answer(response)

        return await self._ask(self._open_session, ask, f"secretmanager: {method} {path}", absent, secret=secret)

    async def close(self) -> None:
        """Let the connections go."""
        for client in self._clients.values():
            client.transport.close()
        if self._session is not None:
            self._session.close()

    async def _ask(
        self,
        open_it: Callable[[], Any],
        ask: Callable[[Any], Answer],
        call: str,
        absent: Collection[int],
        *,
        secret: bool = False,
    ) -> Answer | None:
        try:
            async with self._opening:
                opened = await carried_out(asyncio.to_thread(open_it))
            return await carried_out(asyncio.to_thread(ask, opened))
        except ERRORS as error:
            if isinstance(error, GoogleAPICallError) and error.code in absent:
                return None
            failure = meaning(error, call, secret=secret)
            raise failure from failure.__cause__

    def _client(self, name: str) -> Any:
        if name not in self._clients:
            made = getattr(importlib.import_module("google.cloud.compute_v1"), name)
            options: dict[str, Any] = {"credentials": self._found_credentials()}
            if self._settings.endpoint:
                scheme, _, host = self._settings.endpoint.partition("://")
                options |= {"host": host, "url_scheme": scheme}
            self._clients[name] = made(transport=made.get_transport_class("rest")(**options))
        return self._clients[name]

    def _open_session(self) -> requests.Session:
        if self._session is None:
            self._session = authorized.AuthorizedSession(self._found_credentials())  # type: ignore[no-untyped-call]
        return self._session

    def _found_credentials(self) -> Any:
        if self._credentials is None:
            if self._settings.endpoint.startswith("http://"):
                self._credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
            else:
                self._credentials, _ = google.auth.default(scopes=[SCOPE])
        return self._credentials


def _answer(response: requests.Response) -> Mapping[str, Any]:
    if response.status_code >= 400:
        raise from_http_response(response)  # type: ignore[no-untyped-call]
    answer: Mapping[str, Any] = response.json()
    return answer
