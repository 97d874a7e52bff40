"""`switchyard proxies`: which proxies there are, and how they fare."""

from typing import Annotated, Final
from uuid import uuid4

import typer

from server.cli.accounts.passwords import AskOption, StdinOption, read_password
from server.cli.failures import CommandFailed, ExitCode
from server.cli.plain import enum_name, local_time, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.telemetry.v1 import proxy_pb2
from switchyard.telemetry.v1 import proxy_service_pb2 as pb

group = typer.Typer(name="proxies", help="Proxies, and how they fare.", no_args_is_help=True)

STATUS: Final = proxy_pb2.ProxyStatus.Status.DESCRIPTOR
VERDICT: Final = proxy_pb2.ProxyHealth.Verdict.DESCRIPTOR

ProxyArgument = Annotated[int, typer.Argument(metavar="PROXY", min=1, help="Number of the proxy.")]
CountryOption = Annotated[str | None, typer.Option(metavar="CODE", help="Country code, for example US.")]
UsernameOption = Annotated[str | None, typer.Option(metavar="NAME", help="User it wants.")]
MaxLeasesOption = Annotated[int | None, typer.Option(min=1, max=100_000, help="Leases it may have at once.")]


@remote(group, "list")
def list_proxies(
    session: Session,
    page: Annotated[int, typer.Option(min=1)] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100)] = 20,
) -> None:
    """List proxies by number, with how their sessions went."""
    answer = session.connection.proxies.ListProxies(pb.ListProxiesRequest(page=page, per_page=per_page))
    rows = (
        (
            str(proxy.id),
            proxy.url,
            proxy.figures.country,
            str(enum_name(STATUS, proxy.figures.status)),
            success_text(proxy.figures),
            leases_text(proxy),
            local_time(proxy.figures.last_used) if proxy.figures.HasField("last_used") else "never",
        )
        for proxy in answer.proxies
    )
    columns = ("PROXY", "ADDRESS", "COUNTRY", "STATUS", "SUCCEEDED", "LEASES", "LAST USED")
    session.output.table(to_plain(answer), columns, rows, empty="there are no proxies")
    if answer.total_pages > answer.page:
        session.output.note(f"page {answer.page} of {answer.total_pages}, {answer.total} in all; --page shows more")


def success_text(figures: proxy_pb2.ProxyStatus) -> str:
    """Return how its sessions ended: "75% of 4"; empty before the first has ended."""
    ended = figures.successes + figures.failures
    return f"{figures.success_rate:.0%} of {ended}" if ended else ""


def leases_text(proxy: proxy_pb2.Proxy) -> str:
    """Return how many leases it has, and how many it may have: "2 of 5", "2"."""
    most = f" of {proxy.max_leases}" if proxy.HasField("max_leases") else ""
    return f"{proxy.active_leases}{most}"


@remote(group, "show")
def show(session: Session, proxy_id: ProxyArgument) -> None:
    """Show a proxy, and how it fares as far as it is to blame."""
    proxy = session.connection.proxies.GetProxy(pb.GetProxyRequest(id=proxy_id)).proxy
    health = session.connection.proxies.GetProxyHealth(pb.GetProxyHealthRequest(id=proxy_id)).health
    facts = [
        ("Proxy", str(proxy.id)),
        ("Address", proxy.url),
        ("Country", proxy.country or proxy.figures.country),
        ("User", f"{proxy.username}{', with a password' if proxy.has_password else ''}"),
        ("Enabled", enabled_text(proxy)),
        ("Leases", leases_text(proxy)),
        ("Sessions", f"{proxy.figures.uses}: {proxy.figures.successes} succeeded, {proxy.figures.failures} failed"),
        ("Verdict", f"{enum_name(VERDICT, health.verdict)}, score {health.score:.2f}"),
        *(("Because", reason) for reason in health.reasons),
    ]
    session.output.facts({**to_plain(proxy), "health": to_plain(health)}, facts)


def enabled_text(proxy: proxy_pb2.Proxy) -> str:
    """Return whether it may be used: "yes", "no", "not before 2026-03-01 06:00:00, because of failures"."""
    if proxy.enabled and proxy.HasField("disabled_until"):
        return f"not before {local_time(proxy.disabled_until)}, because of failures"
    return "yes" if proxy.enabled else "no"


@remote(group, "add")
def add(
    session: Session,
    url: Annotated[str, typer.Argument(metavar="ADDRESS", help="HOST:PORT, or socks5://HOST:PORT and the like.")],
    country: CountryOption = None,
    username: UsernameOption = None,
    password: AskOption = False,
    password_stdin: StdinOption = False,
    max_leases: MaxLeasesOption = None,
    request_id: RequestIdOption = None,
) -> None:
    """Set up a proxy and print its number; one that sessions have named keeps its figures."""
    request = pb.CreateProxyRequest(
        url=url, country=country, username=username, max_leases=max_leases, request_id=request_id or str(uuid4())
    )
    if password or password_stdin:
        request.password = read_password(from_stdin=password_stdin, twice=False)
    proxy = session.connection.proxies.CreateProxy(request).proxy
    session.output.answer(to_plain(proxy), str(proxy.id))


@remote(group, "update")
def update(
    session: Session,
    proxy_id: ProxyArgument,
    country: CountryOption = None,
    username: UsernameOption = None,
    password: AskOption = False,
    password_stdin: StdinOption = False,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it may be used; ends what failures did to it.")
    ] = None,
    max_leases: MaxLeasesOption = None,
) -> None:
    """Change a proxy."""
    request = pb.UpdateProxyRequest(
        id=proxy_id, country=country, username=username, enabled=enabled, max_leases=max_leases
    )
    if password or password_stdin:
        request.password = read_password(from_stdin=password_stdin, twice=False)
    if request == pb.UpdateProxyRequest(id=proxy_id):
        raise CommandFailed(
            "nothing to change: give --country, --username, --password, --enable, --disable or --max-leases",
            ExitCode.USAGE,
        )
    proxy = session.connection.proxies.UpdateProxy(request).proxy
    session.output.answer(to_plain(proxy), f"changed {proxy.url}")


@remote(group, "remove")
def remove(session: Session, proxy_id: ProxyArgument) -> None:
    """Take a proxy out. Its sessions stay, and when one names it again it is back."""
    answer = session.connection.proxies.DeleteProxy(pb.DeleteProxyRequest(id=proxy_id))
    session.output.answer(to_plain(answer), f"removed {proxy_id}")
