"""HTTP/JSON, SSE and WebSocket in front of any gRPC service, read from its descriptors.

It names no resource and no domain: what a route looks like stands in `google.api.http` and `gateway/v1/options.proto`.
"""
