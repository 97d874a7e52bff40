"""Details of errors as JSON, whatever their type."""

from typing import Any

from google.protobuf import any_pb2, descriptor_pool
from google.protobuf.descriptor_pool import DescriptorPool

from gateway.codec import DumpError, jsonable_any


def expand(detail: any_pb2.Any, pool: DescriptorPool | None) -> dict[str, Any] | None:
    """`detail` as ProtoJSON; None when its type is not known, or it is not of the type it says.

    Types are looked for in `pool`, which has those of the service, then among the ones of generated code, which has
    google.rpc: few descriptor sets have those, as no message refers to them.
    """
    for known in (pool, descriptor_pool.Default()):
        if known is not None:
            try:
                return jsonable_any(detail, known)
            except DumpError:
                continue
    return None
