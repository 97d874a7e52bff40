"""What holds for the whole contract, read from its descriptors."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor

import switchyard
from gateway.contract.services import read_services
from gateway.routing import Router
from gateway_options.v1 import options_pb2
from server import errors
from server.rpc.access import rule_of
from server.rpc.bounds import compile_check
from switchyard.auth.v1 import access_pb2
from switchyard.errors.v1 import error_reason_pb2

SERVER: Final = Path(errors.__file__).parent
# Made by the interceptor for whatever is no refusal.
RESERVED: Final = {"ERROR_REASON_UNSPECIFIED", "ERROR_REASON_INTERNAL"}


def services() -> Iterator[ServiceDescriptor]:
    for module in pkgutil.walk_packages(switchyard.__path__, "switchyard."):
        if module.name.endswith("_pb2"):
            yield from importlib.import_module(module.name).DESCRIPTOR.services_by_name.values()


SERVICES: Final = sorted(services(), key=lambda service: service.full_name)
METHODS: Final = [method for service in SERVICES for method in service.methods]
REFUSALS: Final = [one for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "reason")]

every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)


def fields_of(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    if message.full_name in seen or message.full_name.startswith("google."):
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield field
        if field.message_type is not None:
            yield from fields_of(field.message_type, seen)


def test_the_contract_has_services() -> None:
    assert len(SERVICES) >= 9


@every_method
def test_every_method_states_who_may_call_it(method: MethodDescriptor) -> None:
    rule_of(method)


@every_method
def test_a_method_has_an_http_rule_unless_it_is_for_workers_or_for_runs(method: MethodDescriptor) -> None:
    has_rule = method.GetOptions().HasExtension(annotations_pb2.http)
    # Runs ask over the link of whoever holds their job.
    for_runs = method.containing_service.name == "JobRunService"

    assert has_rule != (rule_of(method).worker or for_runs)


@every_method
def test_a_method_for_workers_is_never_open_to_local_callers(method: MethodDescriptor) -> None:
    rule = rule_of(method)

    assert not (rule.local and (rule.worker or rule.anyone))


@every_method
def test_a_method_that_changes_something_wants_more_than_a_viewer(method: MethodDescriptor) -> None:
    rule, http = rule_of(method), method.GetOptions().Extensions[annotations_pb2.http]
    # Who logs in, out or on changes his own session only.
    own = method.containing_service.name == "AuthService"
    # Who has the secret of a path or of a robot needs nothing else.
    by_secret = method.name in ("TriggerWebhook", "EnrolRobot")

    assert http.WhichOneof("pattern") in (None, "get") or own or by_secret or rule.role >= access_pb2.ROLE_OPERATOR


@every_method
def test_bounds_of_every_request_can_be_compiled(method: MethodDescriptor) -> None:
    compile_check(method.input_type)


@every_method
def test_patterns_come_with_words_and_passwords_are_secret(method: MethodDescriptor) -> None:
    for field in fields_of(method.input_type, set()):
        options = field.GetOptions().Extensions[options_pb2.field]
        if options.pattern:
            re.compile(options.pattern)
            assert options.pattern_words.startswith("be "), field.full_name
        if field.name in ("password", "secret", "refresh_token") and field.full_name.split(".")[-2].endswith("Request"):
            assert options.secret, field.full_name


@pytest.mark.parametrize("listener", ["main", "agent"])
def test_no_two_rules_catch_the_same_path(listener: str) -> None:
    methods = [method for method in read_services(SERVICES) if listener in method.listeners]

    Router(methods)

    assert methods


def test_every_reason_is_given_by_one_kind_of_refusal() -> None:
    given = {error_reason_pb2.ErrorReason.Name(one.reason) for one in REFUSALS}

    assert given | RESERVED == set(error_reason_pb2.ErrorReason.keys())
    assert len(REFUSALS) == len(given)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
def test_every_refusal_is_raised_somewhere(refusal: type[errors.SwitchyardError]) -> None:
    sources = (path.read_text() for path in SERVER.rglob("*.py") if path.name != "errors.py" or path.parent != SERVER)

    assert any(re.search(rf"\b{refusal.__name__}\b[.(]", source) for source in sources)
