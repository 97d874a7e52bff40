"""What is read from descriptors."""

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from google.protobuf.descriptor import ServiceDescriptor

from gateway.codec.dialect import Dialect, Nulls
from gateway.contract.error_form import ErrorForm
from gateway.contract.services import ContractInvalid, Method, read_services
from gateway_options.v1 import options_pb2


def test_an_rpc_has_the_bindings_of_its_annotation_in_order(methods: dict[str, Method]) -> None:
    bindings = [(each.http_method, each.template) for each in methods["GetShelf"].bindings]

    assert bindings == [
        ("GET", "/v1/{name=shelves/*}"),
        ("GET", "/v1/latest/{name=**}:peek"),
        ("SEARCH", "/v1/shelves"),
    ]


def test_bodies_stand_in_the_binding(methods: dict[str, Method]) -> None:
    (binding,) = methods["CreateShelf"].bindings

    assert (binding.body, binding.response_body) == ("shelf", "shelf")


def test_an_rpc_without_annotation_has_no_bindings(methods: dict[str, Method]) -> None:
    method = methods["Unrouted"]

    assert method.bindings == ()
    assert method.server_streaming
    assert not method.client_streaming


def test_a_method_is_named_as_in_a_grpc_call(methods: dict[str, Method]) -> None:
    assert methods["GetShelf"].full_name == "/library.v1.Shelves/GetShelf"


def test_a_service_without_options_speaks_strict_protojson_on_the_main_listener(methods: dict[str, Method]) -> None:
    method = methods["GetShelf"]

    assert method.dialect == Dialect(heeds_options=True)
    assert method.error_form == ErrorForm()
    assert method.listeners == ("main",)


def test_options_are_read_from_a_pool_that_does_not_know_them(methods: dict[str, Method]) -> None:
    method = methods["DownloadLoans"]

    assert method.dialect == Dialect(
        proto_names=True,
        nulls=Nulls.NULL,
        offset_times=True,
        number_integers=True,
        heeds_options=True,
        ignore_unknown_fields=True,
        ignore_unknown_parameters=True,
    )
    assert method.error_form == ErrorForm(options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL)
    assert method.listeners == ("desk",)
    assert method.options.success_status == 203
    assert method.options.query_match == options_pb2.QueryMatch(parameter="format", value="text")


# From a file that is made for the test.

OPTIONAL = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
THING = text_format.Parse(
    """
    name: "Thing"
    field { name: "label" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    field { name: "size" number: 2 label: LABEL_OPTIONAL type: TYPE_INT64 }
    field { name: "sizes" number: 3 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".made.Thing.SizesEntry" }
    field { name: "notes" number: 4 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".made.Thing.NotesEntry" }
    nested_type {
      name: "SizesEntry"
      field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 }
      field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 }
      options { map_entry: true }
    }
    nested_type {
      name: "NotesEntry"
      field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 }
      field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING }
      options { map_entry: true }
    }
    """,
    descriptor_pb2.DescriptorProto(),
)


def service(
    rule: http_pb2.HttpRule,
    *,
    of_file: options_pb2.ServiceOptions | None = None,
    of_service: options_pb2.ServiceOptions | None = None,
    of_field: options_pb2.FieldOptions | None = None,
    field: str = "label",
) -> ServiceDescriptor:
    """The service made.Svc with an rpc Call, in a pool that does not know the options.

    The answer holds a made.Thing, whose `field` has the options `of_field`.
    """
    file = descriptor_pb2.FileDescriptorProto(name="made.proto", package="made", syntax="proto3")
    file.message_type.add(name="Nothing")
    file.message_type.append(THING)
    answer = file.message_type.add(name="Answer")
    answer.field.add(name="thing", number=1, label=OPTIONAL, type=MESSAGE, type_name=".made.Thing")
    svc = file.service.add(name="Svc")
    rpc = svc.method.add(name="Call", input_type=".made.Nothing", output_type=".made.Answer")
    rpc.options.Extensions[annotations_pb2.http].CopyFrom(rule)
    if of_file is not None:
        file.options.Extensions[options_pb2.every_service].CopyFrom(of_file)
    if of_field is not None:
        (described,) = [each for each in file.message_type[1].field if each.name == field]
        described.options.Extensions[options_pb2.field].CopyFrom(of_field)
    if of_service is not None:
        svc.options.Extensions[options_pb2.service].CopyFrom(of_service)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName("made.Svc")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        # http.proto: the field "must be present at the top-level of the request message type".
        (http_pb2.HttpRule(get="/x", body="missing"), "body 'missing' is no field of made.Nothing"),
        (http_pb2.HttpRule(get="/x", response_body="missing"), "response_body 'missing' is no field of made.Answer"),
        # http.proto: "Nested bindings must not contain an `additional_bindings` field themselves".
        (
            http_pb2.HttpRule(
                get="/x",
                additional_bindings=[
                    http_pb2.HttpRule(get="/y", additional_bindings=[http_pb2.HttpRule(get="/z")]),
                ],
            ),
            "an additional binding has additional bindings of its own",
        ),
        (http_pb2.HttpRule(body="*"), "a binding of google.api.http has no path"),
        (http_pb2.HttpRule(get="/x", additional_bindings=[http_pb2.HttpRule()]), "a binding of google.api.http has no"),
        # RFC 9110, section 9.1: a method is a token.
        (http_pb2.HttpRule(custom=http_pb2.CustomHttpPattern(path="/x")), "'' is no HTTP method"),
        (http_pb2.HttpRule(custom=http_pb2.CustomHttpPattern(kind="A B", path="/x")), "'A B' is no HTTP method"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_with_the_rpc(rule: http_pb2.HttpRule, words: str) -> None:
    with pytest.raises(ContractInvalid) as refusal:
        read_services([service(rule)])

    assert str(refusal.value).startswith(f"made.Svc.Call: {words}")


RULE = http_pb2.HttpRule(get="/x")
Options = options_pb2.ServiceOptions


def test_options_of_the_service_go_over_those_of_its_file_and_these_over_the_defaults() -> None:
    defaults = Options(
        error_shape=Options.ERROR_SHAPE_CODED, name_style=Options.NAME_STYLE_PROTO, max_body_bytes=1, listeners=["a"]
    )
    of_file = Options(
        error_shape=Options.ERROR_SHAPE_DETAIL, unknown_fields=Options.UNKNOWN_POLICY_IGNORE, max_body_bytes=2
    )
    of_service = Options(max_body_bytes=3, listeners=["b"])

    (method,) = read_services([service(RULE, of_file=of_file, of_service=of_service)], defaults)

    assert method.dialect == Dialect(proto_names=True, heeds_options=True, ignore_unknown_fields=True)
    assert method.error_form == ErrorForm(Options.ERROR_SHAPE_DETAIL)
    assert method.max_body_bytes == 3
    assert method.listeners == ("b",)


def test_the_first_value_of_an_option_replaces_one_from_further_out() -> None:
    of_file = Options(unknown_fields=Options.UNKNOWN_POLICY_IGNORE, name_style=Options.NAME_STYLE_PROTO)
    of_service = Options(unknown_fields=Options.UNKNOWN_POLICY_UNSPECIFIED)

    (method,) = read_services([service(RULE, of_file=of_file, of_service=of_service)])

    assert method.dialect == Dialect(proto_names=True, heeds_options=True)


def test_words_of_a_status_are_taken_status_by_status_from_the_innermost_options() -> None:
    words = options_pb2.StatusWords
    of_file = Options(status_words=[words(http_status=404, phrase="Nowhere"), words(http_status=500, code="BROKEN")])
    of_service = Options(status_words=[words(http_status=404, phrase="Not here", code="NOWHERE")])

    (method,) = read_services([service(RULE, of_file=of_file, of_service=of_service)])

    assert method.error_form.words == {404: ("Not here", "NOWHERE"), 500: ("", "BROKEN")}


@pytest.mark.parametrize("status", [0, 200, 399, 600])
def test_words_for_what_is_no_refusal_are_refused(status: int) -> None:
    words = options_pb2.StatusWords(http_status=status, phrase="Fine")

    with pytest.raises(ContractInvalid, match=rf"^made\.Svc: status_words has {status}"):
        read_services([service(RULE, of_service=Options(status_words=[words]))])


def test_a_default_framing_that_only_a_client_can_choose_is_refused() -> None:
    with pytest.raises(ContractInvalid, match=r"^made\.Svc: default_framing"):
        read_services([service(RULE, of_service=Options(default_framing=options_pb2.Stream.FRAMING_WEBSOCKET))])


def test_a_rule_from_outside_replaces_the_annotation_with_all_its_bindings() -> None:
    annotation = http_pb2.HttpRule(get="/x", additional_bindings=[http_pb2.HttpRule(get="/y")])
    rules = {"made.Svc.Call": http_pb2.HttpRule(selector="made.Svc.Call", put="/z", body="*")}

    (method,) = read_services([service(annotation)], rules=rules)

    assert [(each.http_method, each.template, each.body) for each in method.bindings] == [("PUT", "/z", "*")]


def test_a_rule_from_outside_that_selects_nothing_is_refused() -> None:
    with pytest.raises(ContractInvalid, match=r"^made\.Svc\.Cal: a rule of the service config selects no rpc"):
        read_services([service(RULE)], rules={"made.Svc.Cal": RULE})


NUMBER = options_pb2.FieldOptions(integer_style=Options.INTEGER_STYLE_NUMBER)
OFFSET = options_pb2.FieldOptions(time_style=Options.TIME_STYLE_OFFSET)
JSON_TEXT = options_pb2.FieldOptions(json_text=options_pb2.FieldOptions.JSON_TEXT_OBJECT)


@pytest.mark.parametrize(
    ("field", "of_field", "words"),
    [
        ("label", NUMBER, "integer_style needs a field of integers"),
        # Keys of maps are quoted in JSON whatever they are.
        ("notes", NUMBER, "integer_style needs a field of integers"),
        ("label", OFFSET, "time_style needs a field of type google.protobuf.Timestamp"),
        ("size", OFFSET, "time_style needs a field of type google.protobuf.Timestamp"),
        ("size", JSON_TEXT, "json_text needs a field of strings"),
        # Keys are not what the option is about.
        ("sizes", JSON_TEXT, "json_text needs a field of strings"),
    ],
)
def test_an_option_that_does_not_fit_its_field_is_refused_with_the_field(
    field: str, of_field: options_pb2.FieldOptions, words: str
) -> None:
    with pytest.raises(ContractInvalid) as refusal:
        read_services([service(RULE, of_field=of_field, field=field)])

    assert str(refusal.value) == f"made.Thing.{field}: {words}"


@pytest.mark.parametrize(
    ("field", "of_field"), [("size", NUMBER), ("sizes", NUMBER), ("label", JSON_TEXT), ("notes", JSON_TEXT)]
)
def test_an_option_that_fits_its_field_is_taken(field: str, of_field: options_pb2.FieldOptions) -> None:
    assert read_services([service(RULE, of_field=of_field, field=field)])
