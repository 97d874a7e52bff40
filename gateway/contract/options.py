"""Reads `google.api.http` and `gateway.v1` options of descriptors, whichever pool these live in.

A descriptor of another pool (a descriptor set, server reflection) keeps our extensions as unknown fields. So options
are serialized and parsed again by the classes of the default pool, which know them.
"""

from functools import cache

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import (
    EnumDescriptor,
    EnumValueDescriptor,
    FieldDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)

from gateway_options.v1 import options_pb2


def http_rule(method: MethodDescriptor) -> http_pb2.HttpRule:
    """`google.api.http` of the method; an empty rule when there is none."""
    options = descriptor_pb2.MethodOptions.FromString(method.GetOptions().SerializeToString())
    rule: http_pb2.HttpRule = options.Extensions[annotations_pb2.http]
    return rule


def method_options(method: MethodDescriptor) -> options_pb2.MethodOptions:
    """`gateway.v1.method`; all defaults when there is none."""
    options = descriptor_pb2.MethodOptions.FromString(method.GetOptions().SerializeToString())
    return options.Extensions[options_pb2.method]


def service_options(
    service: ServiceDescriptor, defaults: options_pb2.ServiceOptions | None = None
) -> options_pb2.ServiceOptions:
    """`gateway.v1.service`, over the `gateway.v1.every_service` of its file, over `defaults`."""
    of_file = descriptor_pb2.FileOptions.FromString(service.file.GetOptions().SerializeToString())
    of_service = descriptor_pb2.ServiceOptions.FromString(service.GetOptions().SerializeToString())
    merged = options_pb2.ServiceOptions()
    for options in (
        defaults,
        of_file.Extensions[options_pb2.every_service],
        of_service.Extensions[options_pb2.service],
    ):
        if options is not None:
            if options.listeners:
                # Merging would add to the names; they replace those from further out like everything else.
                merged.ClearField("listeners")
            merged.MergeFrom(options)
    return merged


@cache
def field_options(field: FieldDescriptor) -> options_pb2.FieldOptions:
    """`gateway.v1.field`; all defaults when there is none. Shared by all who ask, so it is not to be changed."""
    options = descriptor_pb2.FieldOptions.FromString(field.GetOptions().SerializeToString())
    return options.Extensions[options_pb2.field]


def enum_options(enum: EnumDescriptor) -> options_pb2.EnumOptions:
    """`gateway.v1.enum_type`; all defaults when there is none."""
    options = descriptor_pb2.EnumOptions.FromString(enum.GetOptions().SerializeToString())
    return options.Extensions[options_pb2.enum_type]


def enum_value_options(value: EnumValueDescriptor) -> options_pb2.EnumValueOptions:
    """`gateway.v1.enum_value`; all defaults when there is none."""
    options = descriptor_pb2.EnumValueOptions.FromString(value.GetOptions().SerializeToString())
    return options.Extensions[options_pb2.enum_value]
