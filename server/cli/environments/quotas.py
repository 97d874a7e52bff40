"""`switchyard env quotas`: what a user may have in environments at most."""

from typing import Annotated, Final

import typer

from server.cli.failures import CommandFailed, ExitCode
from server.cli.plain import to_plain
from server.cli.session import Session, remote
from switchyard.environments.v1 import quota_service_pb2 as pb

group = typer.Typer(name="quotas", help="What a user may have in environments at most.", no_args_is_help=True)

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Name of the user.")]
# What people call an amount, by its name in the contract.
AMOUNTS: Final = {
    "environments": "Environments",
    "cpu_cores": "Processor cores",
    "memory_gb": "Memory in GB",
    "storage_gb": "Storage in GB",
}


@remote(group, "show")
def show(session: Session, user_id: UserArgument) -> None:
    """Show the quota of a user, and how much of it is used. Stopped environments use neither cores nor memory."""
    answer = session.connection.environment_quotas.GetQuota(pb.GetQuotaRequest(user_id=user_id))
    facts = [
        ("User", answer.user_id),
        ("Quota", "that of the server" if answer.default else "of their own"),
        *(
            (words, f"{getattr(answer.used, name)} of {limit_text(answer.limit, name)}")
            for name, words in AMOUNTS.items()
        ),
    ]
    session.output.facts(to_plain(answer), facts)


@remote(group, "set")
def set_quota(
    session: Session,
    user_id: UserArgument,
    environments: Annotated[int | None, typer.Option(min=0, help="So many. Without it: any number.")] = None,
    cpu: Annotated[int | None, typer.Option(min=0, help="Processor cores together. Without it: any number.")] = None,
    memory: Annotated[int | None, typer.Option(min=0, help="Memory together, in GB. Without it: any.")] = None,
    storage: Annotated[int | None, typer.Option(min=0, help="Storage together, in GB. Without it: any.")] = None,
) -> None:
    """Set the quota of a user, in place of the one before. What they have already stays."""
    limit = pb.Amounts(environments=environments, cpu_cores=cpu, memory_gb=memory, storage_gb=storage)
    if limit == pb.Amounts():
        raise CommandFailed("nothing to set: give --environments, --cpu, --memory or --storage", ExitCode.USAGE)
    answer = session.connection.environment_quotas.SetQuota(pb.SetQuotaRequest(user_id=user_id, limit=limit))
    facts = [("User", user_id), *((words, limit_text(answer.limit, name)) for name, words in AMOUNTS.items())]
    session.output.facts(to_plain(answer), facts)


@remote(group, "reset")
def reset(session: Session, user_id: UserArgument) -> None:
    """Give a user the quota of the server again."""
    answer = session.connection.environment_quotas.ResetQuota(pb.ResetQuotaRequest(user_id=user_id))
    session.output.answer(to_plain(answer), f"{user_id} has the quota of the server")


def limit_text(limit: pb.Amounts, name: str) -> str:
    """Return the limit of one amount: a number, or "any number"."""
    return str(getattr(limit, name)) if limit.HasField(name) else "any number"  # type: ignore[arg-type]
