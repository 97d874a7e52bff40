"""Every resource, as attributes of a client.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ...sync.connection import Connection

if TYPE_CHECKING:
    from .bots import Bots
    from .webhooks import Webhooks
    from .sessions import Sessions
    from .events import Events
    from .proxies import Proxies
    from .statistics import Statistics
    from .comfy import Comfy
    from .workflows import Workflows
    from .jobs import Jobs
    from .schedules import Schedules
    from .secrets import Secrets
    from .robots import Robots
    from .metrics import Metrics
    from .environments import Environments
    from .tasks import Tasks
    from .users import Users
    from .api_tokens import ApiTokens
    from .auth import Auth
    from .audit import Audit
    from .health import Health
    from .system import System
    from .workers import Workers


class Resources:
    """Has each resource as attribute."""

    _connection: Connection

    @cached_property
    def bots(self) -> Bots:
        """Instances of bots, their files, and their runs."""
        from .bots import Bots

        return Bots(self._connection)

    @cached_property
    def webhooks(self) -> Webhooks:
        """Where an instance tells of its runs, and what was delivered."""
        from .webhooks import Webhooks

        return Webhooks(self._connection)

    @cached_property
    def sessions(self) -> Sessions:
        """Browser sessions that report what they do."""
        from .sessions import Sessions

        return Sessions(self._connection)

    @cached_property
    def events(self) -> Events:
        """Events of browser sessions."""
        from .events import Events

        return Events(self._connection)

    @cached_property
    def proxies(self) -> Proxies:
        """Proxies and how fit they are."""
        from .proxies import Proxies

        return Proxies(self._connection)

    @cached_property
    def statistics(self) -> Statistics:
        """Totals over browser sessions."""
        from .statistics import Statistics

        return Statistics(self._connection)

    @cached_property
    def comfy(self) -> Comfy:
        """Sessions at ComfyUI, their workflows and prompts."""
        from .comfy import Comfy

        return Comfy(self._connection)

    @cached_property
    def workflows(self) -> Workflows:
        """Workflows, their versions, and the nodes they are made of."""
        from .workflows import Workflows

        return Workflows(self._connection)

    @cached_property
    def jobs(self) -> Jobs:
        """Executions of workflows."""
        from .jobs import Jobs

        return Jobs(self._connection)

    @cached_property
    def schedules(self) -> Schedules:
        """Workflows by the clock."""
        from .schedules import Schedules

        return Schedules(self._connection)

    @cached_property
    def secrets(self) -> Secrets:
        """Values that workflows use and nobody reads."""
        from .secrets import Secrets

        return Secrets(self._connection)

    @cached_property
    def robots(self) -> Robots:
        """The fleet, and what a robot itself calls."""
        from .robots import Robots

        return Robots(self._connection)

    @cached_property
    def metrics(self) -> Metrics:
        """What the fleet does, in numbers."""
        from .metrics import Metrics

        return Metrics(self._connection)

    @cached_property
    def environments(self) -> Environments:
        """Development environments in the clouds."""
        from .environments import Environments

        return Environments(self._connection)

    @cached_property
    def tasks(self) -> Tasks:
        """The pieces of work behind it all."""
        from .tasks import Tasks

        return Tasks(self._connection)

    @cached_property
    def users(self) -> Users:
        """Accounts of people."""
        from .users import Users

        return Users(self._connection)

    @cached_property
    def api_tokens(self) -> ApiTokens:
        """Credentials of programs."""
        from .api_tokens import ApiTokens

        return ApiTokens(self._connection)

    @cached_property
    def auth(self) -> Auth:
        """Sessions of people; `login` of the client keeps their tokens."""
        from .auth import Auth

        return Auth(self._connection)

    @cached_property
    def audit(self) -> Audit:
        """Who did what."""
        from .audit import Audit

        return Audit(self._connection)

    @cached_property
    def health(self) -> Health:
        """Whether the orchestrator is well."""
        from .health import Health

        return Health(self._connection)

    @cached_property
    def system(self) -> System:
        """The server itself."""
        from .system import System

        return System(self._connection)

    @cached_property
    def workers(self) -> Workers:
        """What workers call; it wants the credential of a worker."""
        from .workers import Workers

        return Workers(self._connection)
