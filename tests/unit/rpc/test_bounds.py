"""Bounds of request fields, over messages of the contract."""

from typing import Final, cast

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from server.errors import InvalidArgument
from server.rpc.bounds import KNOWN_WORDS, compile_check
from switchyard.auth.v1 import access_pb2
from switchyard.auth.v1 import user_service_pb2 as users
from switchyard.bots.v1 import bot_instance_pb2 as bot
from switchyard.bots.v1 import bot_instance_service_pb2 as bots
from switchyard.bots.v1 import webhook_service_pb2 as webhooks
from switchyard.environments.v1.template_service_pb2 import CreateTemplateRequest, Template
from switchyard.system.v1 import system_service_pb2 as system
from switchyard.tasks.v1 import worker_service_pb2 as worker
from switchyard.tasks.v1.task_pb2 import LogLine
from switchyard.telemetry.v1 import session_service_pb2 as sessions
from switchyard.telemetry.v1.session_pb2 import NewEvent

GOOD_BOT: Final = bots.CreateBotInstanceRequest(owner_type=bot.OWNER_TYPE_USER, owner_id="u1", bot_code="noop")
GOOD_USER: Final = users.CreateUserRequest(username="ann", password="long enough", roles=[access_pb2.ROLE_VIEWER])


def violations(message: Message) -> list[tuple[str, str]]:
    check = compile_check(cast("Descriptor", message.DESCRIPTOR))
    assert check is not None
    try:
        check(message)
    except InvalidArgument as refusal:
        return [(violation.field, violation.message) for violation in refusal.violations]
    return []


def changed(message: Message, **fields: object) -> Message:
    copy = type(message)()
    copy.CopyFrom(message)
    for name, value in fields.items():
        copy.ClearField(name)
        copy.MergeFrom(type(message)(**{name: value}))
    return copy


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (GOOD_BOT, []),
        (GOOD_USER, []),
        # Required: absent and empty are the same.
        (bots.GetBotInstanceRequest(), [("id", "must be given")]),
        (bots.GetBotInstanceRequest(id=""), [("id", "must be given")]),
        (changed(GOOD_BOT, owner_type=0), [("owner_type", "must be given")]),
        (bots.UploadCookiesRequest(id="i"), [("file", "must be given")]),
        # Where it can be told that a number was given, false and zero are values.
        (sessions.EndSessionRequest(session_id="s", success=False), []),
        (sessions.EndSessionRequest(session_id="s"), [("success", "must be given")]),
        (sessions.EndSessionRequest(session_id="s", success=True, duration=0), []),
        # Lengths of text, the ends belong.
        (changed(GOOD_BOT, owner_id="a" * 128), []),
        (changed(GOOD_BOT, owner_id="a" * 129), [("owner_id", "must be at most 128 characters long")]),
        (changed(GOOD_USER, password="ä" * 8), []),
        (changed(GOOD_USER, password="ä" * 7), [("password", "must be at least 8 characters long")]),
        (
            webhooks.PutWebhookRequest(id="i", url="http://x", secret="short"),
            [("secret", "must be at least 16 characters long")],
        ),
        # The pattern has to match the whole text; its words are the contract's.
        (
            changed(GOOD_BOT, bot_code="noop\n"),
            [("bot_code", "must be lower case letters, digits, '_' and '-'")],
        ),
        (
            changed(GOOD_USER, username="../x"),
            [("username", "must be letters, digits, '.', '_', '@' and '-'")],
        ),
        # Numbers; a field with presence is checked only when it is there.
        (bots.ListBotInstancesRequest(), []),
        (bots.ListBotInstancesRequest(page=1, per_page=100), []),
        (bots.ListBotInstancesRequest(page=0), [("page", "must be at least 1")]),
        (bots.ListBotInstancesRequest(per_page=101), [("per_page", "must be between 1 and 100")]),
        (users.ListUsersRequest(), []),
        (users.ListUsersRequest(page_size=-1), [("page_size", "must be at least 0")]),
        # An optional text that is given but empty is checked, one without presence is absent.
        (users.UpdateUserRequest(username="a", password=""), [("password", "must be at least 8 characters long")]),
        # Numbers that are no value of the enum; zero is no element of a list.
        (changed(GOOD_BOT, owner_type=99), [("owner_type", "must be one of user, org")]),
        (bots.ListBotInstancesRequest(owner_type=bot.OWNER_TYPE_USER), []),
        # A filter that is given must ask for something.
        (
            bots.ListBotInstancesRequest(owner_type=bot.OWNER_TYPE_UNSPECIFIED),
            [("owner_type", "must be one of user, org")],
        ),
        (
            changed(GOOD_USER, roles=[1, 0]),
            [("roles[1]", "must be one of viewer, operator, developer, admin")],
        ),
        # Items are counted.
        (changed(GOOD_USER, roles=[]), [("roles", "must have at least 1 item")]),
        (
            worker.AppendLogRequest(
                lease=worker.LeaseKey(task_id="t", fencing_token=1), first_sequence=1, lines=[LogLine()] * 5001
            ),
            [("lines", "must have at most 5,000 items")],
        ),
        # Messages within are checked where they are, and only there.
        (worker.RenewLeaseRequest(), [("lease", "must be given")]),
        (
            worker.RenewLeaseRequest(lease=worker.LeaseKey()),
            [("lease.task_id", "must be given"), ("lease.fencing_token", "must be at least 1")],
        ),
        # Every violation is told.
        (bots.DeleteMediaRequest(), [("id", "must be given"), ("name", "must be given")]),
    ],
)
def test_requests_are_held_against_the_contract(message: Message, expected: list[tuple[str, str]]) -> None:
    assert violations(message) == expected


def test_what_is_known_of_a_word_is_true_of_that_word_only() -> None:
    check = compile_check(NewEvent.DESCRIPTOR)
    assert check is not None

    for number in range(2 * KNOWN_WORDS + 1):
        check(NewEvent(session_id="s", event_type=f"word_{number}"))
        check(NewEvent(session_id="s", event_type="word_0"))
        for wrong in (f"Word_{number}", "", f"word_{number} "):
            with pytest.raises(InvalidArgument):
                check(NewEvent(session_id="s", event_type=wrong))


def test_the_sentence_tells_the_first_violation() -> None:
    check = compile_check(bots.DeleteMediaRequest.DESCRIPTOR)
    assert check is not None

    with pytest.raises(InvalidArgument) as refusal:
        check(bots.DeleteMediaRequest())

    assert refusal.value.message == "id must be given"


def test_an_api_that_spells_fields_as_json_does_is_told_their_names_there() -> None:
    check = compile_check(CreateTemplateRequest.DESCRIPTOR, json_names=True)
    assert check is not None
    ports = [Template.TemplatePort(name="web", port=3000), Template.TemplatePort(name="No", port=1)]

    with pytest.raises(InvalidArgument) as refusal:
        check(CreateTemplateRequest(template=Template(memory_gb=17, startup_script="x" * 65_537, ports=ports)))

    assert [violation.field for violation in refusal.value.violations] == [
        "template.memoryGB",
        "template.ports[1].name",
        "template.ports[1].port",
        "template.startupScript",
    ]
    assert refusal.value.message == "template.memoryGB must be between 0 and 16"


def test_a_type_without_bounds_costs_nothing() -> None:
    assert compile_check(system.GetServerInfoRequest.DESCRIPTOR) is None
