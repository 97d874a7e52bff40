"""Deliveries that are taken and those that are not.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import datetime

import pytest
from standardwebhooks import Webhook

from switchyard.bots.v1 import bot_worker_service_pb2
from switchyard_client import errors, webhook
from workers.webhook_delivery import signed_headers

# The example of the specification's libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
NAME = "msg_p5jXN8AQM9LWM0D4loKWxJek"
STAMP = 1614265330
GOOD = {
    "webhook-id": NAME,
    "webhook-timestamp": str(STAMP),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_the_published_example_is_taken() -> None:
    delivery = webhook.verify(BODY, GOOD, SECRET, now=STAMP)

    assert delivery == webhook.Delivery(NAME, STAMP, {"test": 2432232314})


@pytest.mark.parametrize("secret", [SECRET, "a secret of one's own", "whsec_not base64!"])
def test_what_our_workers_sign_is_taken(secret: str) -> None:
    payload = bot_worker_service_pb2.DeliverWebhook(event_id="event", body=BODY)
    headers = {key.title(): value for key, value in signed_headers(payload, secret, now=STAMP).items()}

    assert webhook.verify(BODY, headers, secret, now=STAMP).id == "event"


def test_what_we_sign_others_take() -> None:
    headers = webhook.sign(BODY, SECRET, id=NAME, timestamp=int(datetime.datetime.now(datetime.UTC).timestamp()))

    assert Webhook(SECRET).verify(BODY, headers) == {"test": 2432232314}


def test_either_secret_fits_while_one_replaces_another() -> None:
    assert webhook.verify(BODY, GOOD, ["the next", SECRET], now=STAMP).id == NAME


def test_one_of_several_signatures_is_enough() -> None:
    several = GOOD | {"webhook-signature": f"v1a,other v1,!!! v1,AAAA {GOOD['webhook-signature']}"}

    assert webhook.verify(BODY, several, SECRET, now=STAMP).id == NAME


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "msg_other"},
        {"webhook-timestamp": str(STAMP + 1)},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v1," + "é" * 20},
        {"webhook-signature": GOOD["webhook-signature"].replace("v1,", "v2,")},  # a version that is not ours
        {"webhook-signature": GOOD["webhook-signature"].replace("v1,", "")},
        {"webhook-signature": ""},
        {"webhook-timestamp": "1614265330.0"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"},  # digits, but not ours
    ],
)
def test_a_changed_header_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(errors.WebhookInvalid):
        webhook.verify(BODY, GOOD | changed, SECRET, now=STAMP)


@pytest.mark.parametrize("missing", list(GOOD))
def test_a_missing_header_is_refused(missing: str) -> None:
    headers = {key: value for key, value in GOOD.items() if key != missing}

    with pytest.raises(errors.WebhookInvalid, match=missing):
        webhook.verify(BODY, headers, SECRET, now=STAMP)


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY.replace(b"2", b"3")])
def test_a_changed_body_is_refused(body: bytes) -> None:
    with pytest.raises(errors.WebhookInvalid):
        webhook.verify(body, GOOD, SECRET, now=STAMP)


def test_another_secret_is_refused() -> None:
    with pytest.raises(errors.WebhookInvalid):
        webhook.verify(BODY, GOOD, "whsec_AAAA", now=STAMP)


@pytest.mark.parametrize("secret", ["", "whsec_", ["", SECRET]])
def test_an_empty_secret_fits_nothing_and_is_told(secret: str | list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        webhook.verify(BODY, GOOD, secret, now=STAMP)


@pytest.mark.parametrize("late", [-301, 301])
def test_a_delivery_of_another_time_is_refused(late: int) -> None:
    with pytest.raises(errors.WebhookInvalid, match="another time"):
        webhook.verify(BODY, GOOD, SECRET, now=STAMP + late)

    assert webhook.verify(BODY, GOOD, SECRET, now=STAMP + late, tolerance=302).id == NAME
