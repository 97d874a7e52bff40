"""What is read from descriptors."""

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool

from gateway.codec.dialect import STRICT, Dialect, Nulls
from gateway.contract import ContractInvalid, Method, read_services
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

    assert method.dialect == STRICT
    assert method.error_shape == options_pb2.ServiceOptions.ERROR_SHAPE_UNSPECIFIED
    assert method.listeners == ("main",)


def test_options_are_read_from_a_pool_that_does_not_know_them(methods: dict[str, Method]) -> None:
    method = methods["DownloadLoans"]

    assert method.dialect == Dialect(
        proto_names=True,
        nulls=Nulls.NULL,
        offset_times=True,
        number_integers=True,
        ignore_unknown_fields=True,
        ignore_unknown_parameters=True,
    )
    assert method.error_shape == options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL
    assert method.listeners == ("desk",)
    assert method.options.success_status == 203
    assert method.options.query_match == options_pb2.QueryMatch(parameter="format", value="text")


@pytest.mark.parametrize(("body", "response_body"), [("missing", ""), ("", "missing")])
def test_a_binding_that_names_a_missing_field_is_refused_with_the_rpc(body: str, response_body: str) -> None:
    file = descriptor_pb2.FileDescriptorProto(name="bad.proto", package="bad", syntax="proto3")
    file.message_type.add(name="Nothing")
    rpc = file.service.add(name="Svc").method.add(name="Call", input_type=".bad.Nothing", output_type=".bad.Nothing")
    rpc.options.Extensions[annotations_pb2.http].CopyFrom(
        http_pb2.HttpRule(get="/x", body=body, response_body=response_body)
    )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())

    with pytest.raises(ContractInvalid, match=r"bad\.Svc\.Call.*'missing'"):
        read_services([pool.FindServiceByName("bad.Svc")])
