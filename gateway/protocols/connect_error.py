"""Errors as Connect writes them. Source: https://connectrpc.com/docs/protocol, "Error Codes" and "Error"."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.protobuf import any_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from gateway.errors.detail import expand
from gateway.errors.problem import Problem

# Connect's spelling of "canceled" has one l; its HTTP statuses are those of `gateway.errors.HTTP_STATUS`.
CODES: Final[Mapping[grpc.StatusCode, str]] = {status: status.name.lower() for status in grpc.StatusCode} | {
    grpc.StatusCode.CANCELLED: "canceled"
}


def error_object(problem: Problem) -> dict[str, Any]:
    """`problem` as what `orjson.dumps` takes."""
    error: dict[str, Any] = {"code": CODES[problem.status], "message": problem.message}
    if problem.details:
        error["details"] = [_detail(one, problem.pool) for one in problem.details]
    return error


def _detail(detail: any_pb2.Any, pool: DescriptorPool | None) -> dict[str, Any]:
    written = {
        "type": detail.type_url.rpartition("/")[2],
        "value": base64.b64encode(detail.value).rstrip(b"=").decode("ascii"),
    }
    fields = expand(detail, pool)
    if not fields:
        # For readers only, and left out where the type is not known here.
        return written
    del fields["@type"]
    return {**written, "debug": fields}
