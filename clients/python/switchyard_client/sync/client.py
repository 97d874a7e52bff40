"""The client that waits."""

from __future__ import annotations

from functools import cached_property
from time import time

import grpc

from switchyard.auth.v1 import auth_service_pb2

from ..resources.methods import auth
from ..resources.sync import Resources
from ..retry import Retry
from ..settings import DEFAULT_TIMEOUT, Headers, Settings
from ..tokens import Tokens
from .bots import Bots
from .connection import Connection
from .jobs import Jobs
from .workflows import Workflows


class Client(Resources):
    """Calls a Switchyard and waits for the answers. It may be shared by any number of threads.

    >>> with Client() as client:
    ...     bot = client.bots.create(owner_type="user", owner_id="ada", bot_code="noop")
    ...     run = client.bots.start(bot.id)
    ...     for line in client.bots.logs(bot.id, run_id=run.run_id):
    ...         if line.message.startswith("line"):
    ...             last = line.message
    ...     ended = client.bots.wait(bot.id, run.run_id)
    >>> print(last, "-", word(ended, "status"))
    line 3 of 3 - success
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        tokens: Tokens | None = None,
        tls: bool | grpc.ChannelCredentials = False,
        headers: Headers | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        retry: Retry | None = None,
    ) -> None:
        """Make a client; nothing is connected yet.

        Args:
            address: HOST:PORT of the server's gRPC. None: the environment's SWITCHYARD_SERVER, else 127.0.0.1:50051.
            api_key: API key or API token. None: the environment's SWITCHYARD_API_KEY, else none.
            tokens: Of an earlier login.
            tls: True secures the connection with the system's certificates, credentials of gRPC with others.
            headers: Metadata of each call.
            timeout: Seconds for a call over all its attempts; `timeout` of a call replaces it. Streams have none.
            retry: How patient it is.
        """
        settings = Settings.of(
            address, api_key=api_key, tokens=tokens, tls=tls, headers=headers, timeout=timeout, retry=retry
        )
        self._connection = Connection(settings)

    @cached_property
    def bots(self) -> Bots:
        """Instances of bots, their files, and their runs."""
        return Bots(self._connection)

    @cached_property
    def jobs(self) -> Jobs:
        """Executions of workflows."""
        return Jobs(self._connection)

    @cached_property
    def workflows(self) -> Workflows:
        """Workflows, their versions, and the nodes they are made of."""
        return Workflows(self._connection)

    @property
    def tokens(self) -> Tokens | None:
        """The tokens of the login, as the last refresh gave them; None without one."""
        return self._connection.tokens

    def login(self, username: str, password: str, *, tenant_id: str | None = None) -> Tokens:
        """Exchange a password for tokens. Calls carry them from now on, and they are refreshed before they expire.

        Raises:
            CredentialInvalid: name or password are wrong.
            TooManyAttempts: there were too many wrong ones; `retry_after` says when to come back.
        """
        request = auth_service_pb2.LoginRequest(username=username, password=password, tenant_id=tenant_id)
        answer = self._connection.anonymous(auth.LOGIN, request)
        tokens = Tokens.of_answer(answer, now=time())
        self._connection.use(tokens)
        return tokens

    def logout(self) -> None:
        """End the session of the login. Calls carry from now on what the client was made with."""
        self.auth.logout()
        self._connection.use(None)

    def close(self) -> None:
        """Close the connection. Later calls raise ClientClosed."""
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection.settings.address!r})"
