"""HTTP/JSON, SSE and WebSocket in front of any gRPC service, read from its descriptors.

As a program it is `python -m gateway --help`. As a library it is an ASGI application, which runs by itself, or mounted
inside another one, also one with routes of its own:

    gateway = Gateway(services, ChannelBackend(grpc.aio.insecure_channel("127.0.0.1:50051")))
    app = FastAPI()
    app.mount("/api", gateway)

`services` are service descriptors: `library_pb2.DESCRIPTOR.services_by_name.values()` of generated code, or those of a
descriptor set or of server reflection (`gateway.contract.source`). With `InProcessBackend(handlers, interceptors)` the
servicers are called in this process and no channel is needed.

It names no resource and no domain: what a route looks like stands in `google.api.http` and `gateway/v1/options.proto`.
"""
