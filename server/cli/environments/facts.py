"""`switchyard env` ports, cost, decisions, keep-awake: how to reach one, what it costs, why it is stopped or not."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Final

import typer

from server.cli.failures import CommandFailed, ExitCode
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.environments.v1 import activity_service_pb2, cost_service_pb2
from switchyard.environments.v1.environment_pb2 import Environment
from switchyard.environments.v1.environment_service_pb2 import ListPortsRequest

group = typer.Typer()

CLOUD_PROVIDER: Final = Environment.CloudProvider.DESCRIPTOR
DECISION_KIND: Final = activity_service_pb2.Decision.Kind.DESCRIPTOR
CloudProvider = Enum("CloudProvider", {name: name for name in enum_names(CLOUD_PROVIDER)}, type=str)  # type: ignore[misc]

EnvironmentArgument = Annotated[str, typer.Argument(metavar="ENVIRONMENT", help="Id of the environment.")]


@remote(group, "ports")
def ports(session: Session, environment_id: EnvironmentArgument) -> None:
    """List the ports an environment can be reached at."""
    answer = session.connection.environments.ListPorts(ListPortsRequest(id=environment_id))
    rows = ((port.name, str(port.port), port.url) for port in answer.ports)
    session.output.table(to_plain(answer), ("NAME", "PORT", "URL"), rows, empty="there are no ports yet")


@remote(group, "cost")
def cost(
    session: Session,
    environment_id: Annotated[
        str, typer.Argument(metavar="[ENVIRONMENT]", help="Id of the environment. Without it: of one to come.")
    ] = "",
    provider: Annotated[CloudProvider | None, typer.Option(help="The cloud of one to come.")] = None,
    cpu: Annotated[int | None, typer.Option(min=1, max=4, help="Its processor cores.")] = None,
    memory: Annotated[int | None, typer.Option(min=1, max=16, help="Its memory in GB.")] = None,
    storage: Annotated[int | None, typer.Option(min=10, max=100, help="Its storage in GB.")] = None,
) -> None:
    """Tell what an environment has cost, or what one would cost. Estimates: the bill is the provider's."""
    if bool(environment_id) == (provider is not None):
        raise CommandFailed("give the id of an environment, or --provider", ExitCode.USAGE)
    costs = session.connection.environment_costs
    if provider is None:
        known = costs.GetCost(cost_service_pb2.GetCostRequest(environment_id=environment_id))
        so_far = [
            ("So far", f"{dollars(known.total)}, {dollars(known.compute)} of it for processor and memory"),
            ("Has run", str(timedelta(seconds=known.running_seconds))),
        ]
        session.output.facts(to_plain(known), [*so_far, *rates_facts(known.rates)])
        return
    number = enum_number(CLOUD_PROVIDER, provider.value)
    request = cost_service_pb2.EstimateCostRequest(
        cloud_provider=number,  # type: ignore[arg-type]
        cpu_cores=cpu,
        memory_gb=memory,
        storage_gb=storage,
    )
    answer = costs.EstimateCost(request)
    session.output.facts(to_plain(answer), rates_facts(answer.rates))


def rates_facts(rates: cost_service_pb2.Rates) -> list[tuple[str, str]]:
    """Return prices as facts."""
    return [
        ("Running", f"{dollars(rates.running_hour)} an hour, {dollars(rates.running_month)} a month"),
        ("Stopped", f"{dollars(rates.stopped_hour)} an hour"),
        ("Prices of", rates.price_date),
    ]


def dollars(amount: float) -> str:
    """Return an amount as people read it; small ones with the digits that make them differ from nothing."""
    return f"${amount:.2f}" if amount >= 1 or amount == 0 else f"${amount:.4f}"


@remote(group, "decisions")
def decisions(
    session: Session,
    environment_id: EnvironmentArgument,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    page_token: Annotated[str, typer.Option(metavar="TEXT", help="Asks for a further page.")] = "",
) -> None:
    """List what was decided about an environment by itself, and why, newest first."""
    request = activity_service_pb2.ListDecisionsRequest(
        environment_id=environment_id, page_size=limit, page_token=page_token
    )
    answer = session.connection.environment_activity.ListDecisions(request)
    rows = (
        (
            str(one.number),
            local_time(one.decide_time),
            str(enum_name(DECISION_KIND, one.kind)),
            one.action,
            one.reason,
        )
        for one in answer.decisions
    )
    columns = ("NUMBER", "TIME", "KIND", "DECISION", "REASON")
    session.output.table(to_plain(answer), columns, rows, empty="nothing was decided")
    if answer.next_page_token:
        session.output.note(f"there are more: --page-token {answer.next_page_token}")


@remote(group, "keep-awake")
def keep_awake(
    session: Session,
    environment_id: EnvironmentArgument,
    reason: Annotated[str, typer.Option(help="Why, for people.")] = "",
    minutes: Annotated[int | None, typer.Option(min=1, max=10_080, help="For so long.")] = None,
    task: Annotated[str, typer.Option(metavar="ID", help="Until this task has ended.")] = "",
    off: Annotated[bool, typer.Option("--off", help="End it.")] = False,
) -> None:
    """Keep an environment from being stopped for want of activity."""
    activity = session.connection.environment_activity
    if off:
        ended = activity.LetSleep(activity_service_pb2.LetSleepRequest(environment_id=environment_id))
        session.output.answer(to_plain(ended), ended.message)
        return
    if (minutes is None) == (not task):
        raise CommandFailed("give --minutes, --task or --off", ExitCode.USAGE)
    request = activity_service_pb2.KeepAwakeRequest(environment_id=environment_id, reason=reason, task_id=task)
    if minutes is not None:
        request.until.FromDatetime(datetime.now(UTC) + timedelta(minutes=minutes))
    answer = activity.KeepAwake(request)
    session.output.answer(to_plain(answer), answer.message)
