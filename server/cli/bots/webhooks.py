"""`switchyard bots webhook`: where an instance reports its finished runs."""

import secrets
from base64 import b64encode
from typing import Annotated, Final

import typer

from server.cli.bots.instances import InstanceArgument
from server.cli.plain import enum_name, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.bots.v1 import webhook_service_pb2 as pb

group = typer.Typer(name="webhook", help="Where an instance reports its finished runs.", no_args_is_help=True)

STATUS: Final = pb.Delivery.Status.DESCRIPTOR


@remote(group, "set")
def set_webhook(
    session: Session,
    instance_id: InstanceArgument,
    url: Annotated[str, typer.Argument(metavar="URL", help="http or https address.")],
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="SWITCHYARD_WEBHOOK_SECRET",
            help="Key of the signature, 16 to 256 characters. Without it one is made and printed.",
        ),
    ] = None,
) -> None:
    """Set the webhook, replacing the one before. Messages are signed as Standard Webhooks has it."""
    made = None if secret else f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    request = pb.PutWebhookRequest(id=instance_id, url=url, secret=secret or made or "")
    webhook = session.connection.webhooks.PutWebhook(request).webhook
    lines = [f"runs of {instance_id} are reported to {webhook.url}"]
    if made:
        lines.append(f"secret: {made}")
    session.output.answer({**to_plain(webhook), **({"secret": made} if made else {})}, *lines)


@remote(group, "show")
def show(session: Session, instance_id: InstanceArgument) -> None:
    """Show the webhook, without its secret."""
    webhook = session.connection.webhooks.GetWebhook(pb.GetWebhookRequest(id=instance_id)).webhook
    facts = [("Address", webhook.url), ("Changed", local_time(webhook.updated_at))]
    session.output.facts(to_plain(webhook), facts)


@remote(group, "delete")
def delete(session: Session, instance_id: InstanceArgument) -> None:
    """Remove the webhook; deliveries that wait are given up."""
    answer = session.connection.webhooks.DeleteWebhook(pb.DeleteWebhookRequest(id=instance_id))
    session.output.answer(to_plain(answer), f"runs of {instance_id} are no longer reported")


@remote(group, "deliveries")
def deliveries(
    session: Session,
    instance_id: InstanceArgument,
    page: Annotated[int, typer.Option(min=1)] = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100)] = 20,
) -> None:
    """List what was sent, newest first."""
    request = pb.ListDeliveriesRequest(id=instance_id, page=page, per_page=per_page)
    answer = session.connection.webhooks.ListDeliveries(request)
    rows = (
        (
            delivery.id,
            delivery.event_type,
            str(enum_name(STATUS, delivery.status)),
            str(delivery.attempts),
            str(delivery.response_status) if delivery.HasField("response_status") else delivery.error,
            local_time(delivery.created_at),
        )
        for delivery in answer.deliveries
    )
    columns = ("DELIVERY", "EVENT", "STATUS", "ATTEMPTS", "LAST ANSWER", "CREATED")
    session.output.table(to_plain(answer), columns, rows, empty="nothing was sent yet")


@remote(group, "replay")
def replay(
    session: Session,
    instance_id: InstanceArgument,
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY", help="Id of the delivery.")],
) -> None:
    """Send a delivery again, to the address that is set now."""
    request = pb.ReplayDeliveryRequest(id=instance_id, delivery_id=delivery_id)
    delivery = session.connection.webhooks.ReplayDelivery(request).delivery
    session.output.answer(to_plain(delivery), f"delivery {delivery.id} is {enum_name(STATUS, delivery.status)}")
