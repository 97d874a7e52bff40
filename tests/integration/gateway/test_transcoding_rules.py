"""Every rule of transcoding, request by request, over both backends and through descriptors of a foreign pool.

Sources: the comments of google/api/http.proto; the ProtoJSON guide (https://protobuf.dev/programming-guides/json/); RFC
9110 (HTTP), RFC 3986 (URIs); google/rpc/code.proto; AIP-127 and AIP-134. Where all of these are silent the comment says
what was chosen. Answers of the service are what its servicer was asked, so the expected body is also what it saw.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
import pytest_asyncio
from google.protobuf import message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import error_details_pb2, status_pb2

from gateway.app import Gateway, GatewayOptions
from gateway.backend import Backend
from gateway.backend.channel import ChannelBackend
from gateway.backend.in_process import InProcessBackend
from gateway.contract.source import read_descriptor_set
from gateway_options.v1 import options_pb2

HERE = Path(__file__).parent
PROTO = HERE.parents[2] / "proto"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Case:
    """One request and what comes of it."""

    rule: str
    request: str
    """Method and target as they stand in the request line."""
    expected: Any = None
    """JSON of the answer, or how the sentence of a refusal begins."""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    rpc: str = ""
    """The rpc that was called; empty when it does not matter."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class Servicer:
    """Answers with the request. `called` has the names of the rpcs that were called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def handlers(self, service: ServiceDescriptor) -> "grpc.GenericRpcHandler[Any, Any]":
        found = {}
        for method in service.methods:
            behaviour = self._fail if method.name == "Fail" else self._answering(method.name)
            found[method.name] = grpc.unary_unary_rpc_method_handler(
                behaviour,
                request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
                response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
            )
        return grpc.method_handlers_generic_handler(service.full_name, found)

    def _answering(self, name: str) -> Any:
        async def answer(request: Any, _context: Any) -> Any:
            self.called.append(name)
            return request

        return answer

    async def _fail(self, request: Any, context: Any) -> None:
        status = status_pb2.Status(code=request.code, message=request.message)
        if request.detailed:
            status.details.add().Pack(error_details_pb2.ResourceInfo(resource_name="shelves/1"))
            status.details.append(AnyMessage(type_url="type.googleapis.com/nobody.Knows", value=b"\x08\x01"))
            status.details.append(AnyMessage(type_url="type.googleapis.com/google.rpc.BadRequest", value=b"\xff"))
        code = next(code for code in grpc.StatusCode if code.value[0] == request.code)
        trailing = (("grpc-status-details-bin", status.SerializeToString()),) if request.detailed else ()
        await context.abort(code, request.message, trailing)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> ServiceDescriptor:
    target = tmp_path_factory.mktemp("rules") / "rules.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{HERE}", "--include_imports"]
    subprocess.run([*command, f"--descriptor_set_out={target}", "rules.proto"], check=True)
    services, _, _ = read_descriptor_set(target)
    return services[0]


@pytest.fixture(scope="module")
def servicer() -> Servicer:
    return Servicer()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["in_process", "channel"])
async def backend(
    request: pytest.FixtureRequest,
    service: ServiceDescriptor,
    servicer: Servicer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Backend]:
    handlers = servicer.handlers(service)
    if request.param == "in_process":
        yield InProcessBackend([handlers], [])
        return
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([handlers])
    address = f"unix:{tmp_path_factory.mktemp('rules')}/rules.sock"
    server.add_insecure_port(address)
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield ChannelBackend(channel)
    await server.stop(None)


@pytest.fixture(scope="module")
def gateway(service: ServiceDescriptor, backend: Backend) -> Gateway:
    return Gateway([service], backend)


@pytest.fixture(scope="module")
def lenient(service: ServiceDescriptor, backend: Backend) -> Gateway:
    """The same with the other value of every default."""
    defaults = options_pb2.ServiceOptions(
        name_style=options_pb2.ServiceOptions.NAME_STYLE_PROTO,
        null_policy=options_pb2.ServiceOptions.NULL_POLICY_OMIT,
        integer_style=options_pb2.ServiceOptions.INTEGER_STYLE_NUMBER,
        enum_style=options_pb2.ServiceOptions.ENUM_STYLE_NUMBER,
        unknown_fields=options_pb2.ServiceOptions.UNKNOWN_POLICY_IGNORE,
        unknown_parameters=options_pb2.ServiceOptions.UNKNOWN_POLICY_IGNORE,
        max_body_bytes=100,
    )
    return Gateway([service], backend, GatewayOptions(service_defaults=defaults, ignore_trailing_slash=True))


async def ask(gateway: Gateway, request: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    http_method, _, target = request.partition(" ")
    path, _, query = target.encode("latin-1").partition(b"?")
    sent = {"host": "localhost", **({"content-length": str(len(body))} if body else {}), **(headers or {})}
    events = [{"type": "http.request", "body": body, "more_body": False}]
    answered: list[Any] = []

    async def receive() -> Any:
        return events.pop() if events else await asyncio.Event().wait()

    async def send(event: Any) -> None:
        answered.append(event)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": http_method,
        "scheme": "http",
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
    }
    await asyncio.wait_for(gateway(scope, receive, send), 20)
    start, *pieces = answered
    return Answer(
        start["status"],
        {name.decode(): value.decode("latin-1") for name, value in start["headers"]},
        b"".join(piece.get("body", b"") for piece in pieces),
    )


async def check(gateway: Gateway, servicer: Servicer, case: Case) -> None:
    servicer.called.clear()

    answer = await ask(gateway, case.request, case.body, case.headers)

    assert answer.status == case.status, answer.body
    if case.status < 300:
        assert answer.json() == case.expected
        assert case.rpc in ("", *servicer.called)
    else:
        assert answer.json()["message"].startswith(case.expected), answer.body
        assert servicer.called == []


def table(cases: list[Case]) -> pytest.MarkDecorator:
    assert len({case.rule for case in cases}) == len(cases), "each row has a rule of its own"
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.rule)


PATHS = [
    # http.proto: "The syntax `*` matches a single URL path segment."
    Case("a variable is one segment", "GET /v1/one/x", {"text": "x"}),
    Case("one segment is not two", "GET /v1/one/x/y", "Not Found", 404),
    Case("one segment is not none", "GET /v1/one", "Not Found", 404),
    # Silent: an empty segment is no value, as in Vanguard and Envoy.
    Case("one segment is not empty", "GET /v1/one/", "Not Found", 404),
    Case("a star outside of a variable takes a segment", "GET /v1/bare/x/end", {}),
    Case("a star outside of a variable takes no empty segment", "GET /v1/bare//end", "Not Found", 404),
    # http.proto: `{sub.subfield}` in the example of the service config.
    Case("variables reach into messages", "GET /v1/deep/a/5", {"inner": {"text": "a", "large": "5"}}),
    # http.proto: "`**` matches zero or more URL path segments".
    Case("two stars take many segments", "GET /v1/rest/x/y/z", {"text": "x/y/z"}),
    Case("two stars take one segment", "GET /v1/rest/x", {"text": "x"}),
    Case("two stars take no segment and no slash", "GET /v1/rest", {}),
    Case("two stars take an empty segment", "GET /v1/rest/", {}),
    Case("two stars keep empty segments", "GET /v1/rest/x//y", {"text": "x//y"}),
    # http.proto: `/v1/{name=messages/*}` gives "messages/123456".
    Case("a pattern is part of the value", "GET /v1/shelves/s/books/b", {"text": "shelves/s/books/b"}),
    Case("a pattern must match", "GET /v1/shelves/s/tables/b", "Not Found", 404),
    # Silent; every project but grpc-gateway, where the route declared last wins.
    Case("a literal goes before a star", "GET /v1/one/me", {}, rpc="GetLiteral"),
    Case("a literal goes before two stars", "GET /v1/rest/a/b", {}, rpc="GetLiteral"),
    Case("a literal that leads nowhere gives way", "GET /v1/rest/a/other", {"text": "a/other"}, rpc="Get"),
    Case("a literal without the method gives way", "PUT /v1/one/me", {"text": "me"}, rpc="Create"),
    Case("literals are compared with their case", "GET /v1/ONE/x", "Not Found", 404),
    # http.proto: reserved characters of a LITERAL "should be percent-encoded before the matching".
    Case("a literal with escapes matches its escaped form", "GET /v1/a%20b%2Fc", {}),
    Case("a literal with escapes matches any spelling of them", "GET /v1/%61%20b%2fc", {}),
    Case("an escaped slash of a literal is no slash", "GET /v1/a%20b/c", "Not Found", 404),
    Case("a plain literal matches its escaped form", "GET /v1/%6fne/x", {"text": "x"}),
    Case("the root has no route here", "GET /", "Not Found", 404),
]

DECODING = [
    # http.proto: in variables of one segment all is decoded; RFC 3986, section 2.4: once, after the path was split.
    Case("an escaped slash is data of one segment", "GET /v1/one/a%2Fb", {"text": "a/b"}),
    Case("a lower case escape as well", "GET /v1/one/a%2fb", {"text": "a/b"}),
    Case("all reserved characters are decoded", "GET /v1/one/%3A%3F%23%5B%5D%40%21", {"text": ":?#[]@!"}),
    Case("unreserved characters are decoded", "GET /v1/one/%61%2D%7E", {"text": "a-~"}),
    Case("what is decoded is not decoded again", "GET /v1/one/%252F", {"text": "%2F"}),
    Case("an escaped percent sign is one", "GET /v1/one/100%25", {"text": "100%"}),
    Case("a plus sign is a plus sign", "GET /v1/one/a+b", {"text": "a+b"}),
    Case("an escaped plus sign too", "GET /v1/one/a%2Bb", {"text": "a+b"}),
    Case("a space comes as an escape", "GET /v1/one/a%20b", {"text": "a b"}),
    Case("text beyond ASCII", "GET /v1/one/gr%C3%BCn%E2%82%AC", {"text": "grün€"}),
    Case("dots are data", "GET /v1/one/..", {"text": ".."}),
    Case("sub-delimiters are data", "GET /v1/one/a;b=c,d!$&'()*@", {"text": "a;b=c,d!$&'()*@"}),
    # http.proto: "The server side does the reverse decoding, except "%2F" and "%2f" are left unchanged."
    Case("several segments keep escaped slashes", "GET /v1/rest/a%2Fb/c%2fd", {"text": "a%2Fb/c%2fd"}),
    Case("several segments decode the rest", "GET /v1/rest/a%20b/%3Ac%25", {"text": "a b/:c%"}),
    Case("a pattern of several segments does so", "GET /v1/shelves/a%2Fb/books/%3F", {"text": "shelves/a%2Fb/books/?"}),
    Case("several segments decode once", "GET /v1/rest/a%252Fb", {"text": "a%2Fb"}),
    # RFC 3986, section 2.1.
    Case("an escape has two digits", "GET /v1/one/%4", "path must have two hexadecimal digits", 400),
    Case("an escape has hexadecimal digits", "GET /v1/one/%zz", "path must have two hexadecimal digits", 400),
    Case("a bare percent sign is no escape", "GET /v1/one/100%", "path must have two hexadecimal digits", 400),
    Case("bad UTF-8 is refused", "GET /v1/one/%FF", "path must be percent-encoded UTF-8", 400),
    Case("overlong UTF-8 is refused", "GET /v1/rest/%C0%AF", "path must be percent-encoded UTF-8", 400),
    Case("an escaped surrogate is refused", "GET /v1/one/%ED%A0%80", "path must be percent-encoded UTF-8", 400),
    # Types in paths are those of queries.
    Case("a number", "GET /v1/number/-9223372036854775808", {"large": "-9223372036854775808"}),
    Case("no number", "GET /v1/number/x", "large must be an integer", 400),
    Case("too large a number", "GET /v1/number/9223372036854775808", "large must be an integer from", 400),
    Case("no part of a number", "GET /v1/number/1.5", "large must be an integer", 400),
    Case(
        "enum, bool, bytes, double and timestamp",
        "GET /v1/typed/COLOR_RED/true/_-8/-1.5/2024-01-15T10:30:00Z",
        {"color": "COLOR_RED", "flag": True, "blob": "/+8=", "real": -1.5, "moment": "2024-01-15T10:30:00Z"},
    ),
    Case("no bool", "GET /v1/typed/1/yes/AA/1/2024-01-15T10:30:00Z", "flag must be true or false", 400),
    Case("no word of the enum", "GET /v1/typed/BLUE/true/AA/1/2024-01-15T10:30:00Z", "color must be one of", 400),
]

VERBS = [
    # http.proto: Template = "/" Segments [ Verb ]. What is no declared verb is data.
    Case("a verb chooses its rpc", "POST /v1/one/x:open", {"text": "x"}, rpc="Open"),
    Case("a verb follows two stars", "GET /v1/rest/x/y:open", {"text": "x/y"}, rpc="Open"),
    Case("a verb follows a pattern", "GET /v1/shelves/a/b:read", {"inner": {"text": "shelves/a/b"}}),
    Case("an unknown verb is data", "GET /v1/one/x:close", {"text": "x:close"}),
    Case("a verb of other paths is data here", "GET /v1/one/x:read", {"text": "x:read"}),
    Case("only the last colon counts", "POST /v1/one/a:b:open", {"text": "a:b"}, rpc="Open"),
    Case("a colon in an earlier segment is data", "GET /v1/rest/a:open/b", {"text": "a:open/b"}, rpc="Get"),
    Case("an escaped colon is data", "GET /v1/one/x%3Aopen", {"text": "x:open"}, rpc="Get"),
    Case("an escaped colon before the verb is data", "POST /v1/one/x%3Aopen:open", {"text": "x:open"}, rpc="Open"),
    Case("a verb may be escaped", "POST /v1/one/x:%6Fpen", {"text": "x"}, rpc="Open"),
    Case("a colon at the end is data", "GET /v1/one/x:", {"text": "x:"}),
    Case("a verb is compared with its case", "GET /v1/one/x:OPEN", {"text": "x:OPEN"}),
    Case("a verb without its method is no data", "GET /v1/one/x:open", "Method Not Allowed", 405),
]

QUERIES = [
    # http.proto: "All other fields are passed via the URL query parameters, and the parameter name is the field path".
    Case("a name of the .proto file", "GET /v1/things?odd_name=x", {"ODD": "x"}),
    Case("a JSON name", "GET /v1/things?ODD=x", {"ODD": "x"}),
    Case("a field of a message", "GET /v1/things?inner.small=1", {"inner": {"small": 1}}),
    Case("names may be mixed", "GET /v1/things?inner.innerChoice.odd_name=x", {"inner": {"innerChoice": {"ODD": "x"}}}),
    Case("an escaped name", "GET /v1/things?inner%2Etext=x", {"inner": {"text": "x"}}),
    Case("beside a path variable", "GET /v1/one/x?small=1", {"text": "x", "small": 1}),
    Case("a repeated field", "GET /v1/things?words=a&words=b&words=a", {"words": ["a", "b", "a"]}),
    Case(
        "a repeated field by both names", "GET /v1/things?inner.words=a&inner.words=b", {"inner": {"words": ["a", "b"]}}
    ),
    Case("a repeated field of numbers", "GET /v1/things?numbers=1&numbers=-2", {"numbers": [1, -2]}),
    Case("a repeated field of enums", "GET /v1/things?colors=1&colors=COLOR_RED", {"colors": ["COLOR_RED"] * 2}),
    Case("a repeated field of durations", "GET /v1/things?spans=1s&spans=2s", {"spans": ["1s", "2s"]}),
    Case("a comma separates nothing", "GET /v1/things?words=a,b", {"words": ["a,b"]}),
    Case("depth", f"GET /v1/things?{'inner.' * 50}text=x", {"inner": None}),
    # https://url.spec.whatwg.org/#application/x-www-form-urlencoded
    Case("a plus sign is a space", "GET /v1/things?text=a+b", {"text": "a b"}),
    Case("an escaped plus sign is one", "GET /v1/things?text=a%2Bb", {"text": "a+b"}),
    Case("an escaped ampersand is data", "GET /v1/things?text=a%26b%3Dc", {"text": "a&b=c"}),
    Case("only the first equals sign counts", "GET /v1/things?text=a=b=", {"text": "a=b="}),
    Case("a semicolon is data", "GET /v1/things?text=a;maybe=b", {"text": "a;maybe=b"}),
    Case("a slash and a question mark are data", "GET /v1/things?text=/?", {"text": "/?"}),
    Case("an empty query", "GET /v1/things?", {}),
    Case("empty pairs are nothing", "GET /v1/things?&&text=a&", {"text": "a"}),
    Case("decoding happens once", "GET /v1/things?text=%252F", {"text": "%2F"}),
    Case("text beyond ASCII", "GET /v1/things?text=gr%C3%BCn", {"text": "grün"}),
    # Presence.
    Case("an empty text is given", "GET /v1/things?maybe=", {"maybe": ""}),
    Case("no equals sign is an empty text", "GET /v1/things?maybe", {"maybe": ""}),
    Case("an empty wrapped text is given", "GET /v1/things?wrapped=", {"wrapped": ""}),
    Case("an empty element is one", "GET /v1/things?words=&words=b", {"words": ["", "b"]}),
    Case("an empty number is none", "GET /v1/things?small=", "small must be an integer", 400),
    Case("an empty bool is none", "GET /v1/things?flag", "flag must be true or false", 400),
    # Enums: by name and by number.
    Case("an enum by name", "GET /v1/things?color=COLOR_RED", {"color": "COLOR_RED"}),
    Case("an enum by number", "GET /v1/things?color=1", {"color": "COLOR_RED"}),
    Case("an enum by a number it does not know", "GET /v1/things?color=77", {"color": 77}),
    Case("an enum by a name it does not know", "GET /v1/things?color=RED", "color must be one of COLOR_UNSPE", 400),
    Case("an enum in the wrong case", "GET /v1/things?color=color_red", "color must be one of", 400),
    Case("an enum by too large a number", "GET /v1/things?color=2147483648", "color must be an integer from", 400),
    # ProtoJSON: standard or URL-safe base64, with or without padding.
    Case("bytes, standard and padded", "GET /v1/things?blob=%2F%2B8%3D", {"blob": "/+8="}),
    Case("bytes, standard without padding", "GET /v1/things?blob=%2F%2B8", {"blob": "/+8="}),
    Case("bytes, URL-safe and padded", "GET /v1/things?blob=_-8=", {"blob": "/+8="}),
    Case("bytes, URL-safe without padding", "GET /v1/things?blob=_-8", {"blob": "/+8="}),
    Case("no bytes", "GET /v1/things?blob=a", "blob must be text in base64", 400),
    # ProtoJSON knows true and false, and no other spelling.
    Case("true", "GET /v1/things?flag=true", {"flag": True}),
    Case("false", "GET /v1/things?flag=false", {}),
    *(
        Case(f"{text} is no bool", f"GET /v1/things?flag={text}", "flag must be true or false", 400)
        for text in ("1", "0", "t", "TRUE", "True", "yes", "on")
    ),
    # Numbers as ProtoJSON spells them.
    Case("the largest int64", "GET /v1/things?large=9223372036854775807", {"large": "9223372036854775807"}),
    Case("beyond the largest int64", "GET /v1/things?large=9223372036854775808", "large must be an integer from", 400),
    Case("the largest uint64", "GET /v1/things?huge=18446744073709551615", {"huge": "18446744073709551615"}),
    Case("a negative uint64", "GET /v1/things?huge=-1", "huge must be an integer from 0", 400),
    Case("beyond int32", "GET /v1/things?small=2147483648", "small must be an integer from", 400),
    Case("an integer in exponent form", "GET /v1/things?small=1e3", {"small": 1000}),
    Case("a fraction is no integer", "GET /v1/things?small=1.5", "small must be an integer", 400),
    Case("a leading zero", "GET /v1/things?small=01", "small must be an integer", 400),
    Case("a leading plus sign", "GET /v1/things?small=%2B1", "small must be an integer", 400),
    Case("hexadecimal", "GET /v1/things?small=0x10", "small must be an integer", 400),
    Case("digits of another script", "GET /v1/things?small=%D9%A1", "small must be an integer", 400),
    Case("white space around a number", "GET /v1/things?small=+1", "small must be an integer", 400),
    Case("a double", "GET /v1/things?real=-1.5e-3", {"real": -0.0015}),
    Case("a double that is not a number", "GET /v1/things?real=NaN", {"real": "NaN"}),
    Case("an infinite double", "GET /v1/things?real=-Infinity", {"real": "-Infinity"}),
    Case("a double in the wrong words", "GET /v1/things?real=inf", "real must be a number", 400),
    Case("a double out of range", "GET /v1/things?real=1e999", "real must be a number that fits", 400),
    Case("a float", "GET /v1/things?single=0.1", {"single": 0.1}),
    Case("a float out of range", "GET /v1/things?single=1e39", "single must be a number that fits into 32 bits", 400),
    # Well-known types in their JSON form.
    Case("a timestamp", "GET /v1/things?moment=2024-01-15T11:30:00.5%2B01:00", {"moment": "2024-01-15T10:30:00.500Z"}),
    Case("a timestamp without time", "GET /v1/things?moment=2024-01-15", "moment must be a time such as", 400),
    Case("a duration", "GET /v1/things?span=-1.5s", {"span": "-1.500s"}),
    Case("a duration without unit", "GET /v1/things?span=1", "span must be a duration such as 1.5s", 400),
    Case("a mask in camelCase", "GET /v1/things?readMask=fooBar,b.cD", {"readMask": "fooBar,b.cD"}),
    # As Envoy and grpc-gateway take it. ProtoJSON, and so a body, knows camelCase only.
    Case("a mask in snake_case", "GET /v1/things?readMask=foo_bar,b.c_d", {"readMask": "fooBar,b.cD"}),
    Case("a mask in both", "GET /v1/things?readMask=foo_bar.cD,eF", {"readMask": "fooBar.cD,eF"}),
    Case("a mask of something else", "GET /v1/things?readMask=foo-bar", "readMask must be field paths in lower", 400),
    # AIP-134: "the special value `*`".
    Case("a mask of everything", "GET /v1/things?readMask=*", {"readMask": "*"}),
    Case("a mask with wildcards", "GET /v1/things?readMask=many.*.oddName", {"readMask": "many.*.oddName"}),
    Case("an empty mask", "GET /v1/things?read_mask=", {"readMask": ""}),
    Case("a wrapper", "GET /v1/things?wrappedLarge=5", {"wrappedLarge": "5"}),
    Case("a wrapper of zero", "GET /v1/things?wrapped_large=0", {"wrappedLarge": "0"}),
    Case("a part of a well-known type", "GET /v1/things?span.seconds=5", {"span": "5s"}),
    # As in grpc-gateway and Vanguard: JSON text.
    Case("a struct", "GET /v1/things?labels=%7B%22a%22:[1,null]%7D", {"labels": {"a": [1, None]}}),
    Case("a value", "GET /v1/things?anything=%22x%22", {"anything": "x"}),
    Case("a null value", "GET /v1/things?anything=null", {"anything": None}),
    Case("a value that is no JSON", "GET /v1/things?anything=x", "anything must be valid JSON", 400),
    Case("a struct that is no object", "GET /v1/things?labels=[]", "labels must be an object", 400),
    # Refusals.
    Case("a scalar twice", "GET /v1/things?text=a&text=b", "text must be given only once", 400),
    Case("a scalar by both names", "GET /v1/things?ODD=a&odd_name=a", "odd_name must be given only once", 400),
    Case("two of a oneof", "GET /v1/things?leftSide=a&rightSide=1", "rightSide must not be given together with", 400),
    Case("two of a oneof, one of them within", "GET /v1/things?leftSide=a&innerChoice.text=b", "innerChoice.text", 400),
    Case("a oneof within a message", "GET /v1/things?inner.leftSide=a", {"inner": {"leftSide": "a"}}),
    Case("an unknown name", "GET /v1/things?nobody=1", "nobody is not a known parameter", 400),
    Case("an unknown name within", "GET /v1/things?inner.nobody=1", "inner.nobody is not a known parameter", 400),
    Case("below a scalar", "GET /v1/things?text.x=1", "text.x is not a known parameter", 400),
    Case("an empty name", "GET /v1/things?=1", "'' is not a known parameter", 400),
    Case("a message", "GET /v1/things?inner=x", "inner is a message, whose fields are given one by one", 400),
    # http.proto: "Repeated message fields must not be mapped to URL query parameters".
    Case("a list of messages", "GET /v1/things?many=x", "many is a list of messages", 400),
    Case("below a list of messages", "GET /v1/things?many.text=x", "many.text is below a list of messages", 400),
    Case("a map", "GET /v1/things?counts=1", "counts is a map, which cannot be given", 400),
    Case("a key of a map", "GET /v1/things?counts[a]=1", "counts[a] is a map, which cannot be given", 400),
    Case("a key of a map with a dot", "GET /v1/things?counts.a=1", "counts.a is a map, which cannot be given", 400),
    Case("endless depth", f"GET /v1/things?{'inner.' * 5000}text=x", "inner.inner.", 400),
    Case("a broken escape", "GET /v1/things?text=%4", "query must have two hexadecimal digits", 400),
    Case("a bare percent sign", "GET /v1/things?text=100%", "query must have two hexadecimal digits", 400),
    Case("bad UTF-8", "GET /v1/things?text=%FF", "query must be percent-encoded UTF-8", 400),
    Case("bad UTF-8 without escapes", "GET /v1/things?text=\xff", "query must be percent-encoded UTF-8", 400),
    Case("all that is wrong", "GET /v1/things?flag=x&small=y", "flag must be true or false; small must be", 400),
    # http.proto: fields of the path template "are passed via the URL path".
    Case("the path wins over the query", "GET /v1/one/x?text=y", {"text": "x"}),
    Case("the path wins deep inside", "GET /v1/deep/x/1?inner.text=y&inner.small=2", {"inner": None}),
]
# Rows whose answer is too deep or too long to write down.
QUERIES_SPELLED: dict[str, Any] = {
    "the path wins deep inside": {"inner": {"text": "x", "large": "1", "small": 2}},
    "depth": orjson.loads(b'{"inner":' * 50 + b'{"text":"x"}' + b"}" * 50),
}

JSON_TYPE = {"content-type": "application/json"}

BODIES = [
    # http.proto: "`*` ... every field not bound by the path template should be mapped to the request body".
    Case("the body is the request", "POST /v1/things", {"text": "a", "small": 1}, body=b'{"text":"a","small":1}'),
    Case("names of the .proto file", "POST /v1/things", {"wrappedLarge": "1"}, body=b'{"wrapped_large":1}'),
    Case("an empty body is the empty message", "POST /v1/things", {}),
    Case("an empty object too", "POST /v1/things", {}, body=b"{}"),
    Case("white space around it", "POST /v1/things", {}, body=b" {\r\n}\t"),
    Case("null is no object", "POST /v1/things", "body must be an object", 400, body=b"null"),
    Case("a list is no object", "POST /v1/things", "body must be an object", 400, body=b"[]"),
    Case("null for a field leaves it unset", "POST /v1/things", {}, body=b'{"text":null,"inner":null,"words":null}'),
    Case("the path fills the rest", "PUT /v1/one/x", {"text": "x", "small": 1}, body=b'{"small":1}'),
    Case("the path wins over the body", "PUT /v1/one/x", {"text": "x"}, body=b'{"text":"y"}'),
    Case(
        "the path wins over a message of the body",
        "PUT /v1/deep/x",
        {"inner": {"text": "x", "small": 1}},
        body=b'{"inner":{"text":"y","small":1}}',
    ),
    # http.proto: "when using `*` in the body mapping, it is not possible to have HTTP parameters".
    Case(
        "no parameters beside a whole body",
        "POST /v1/things?small=1",
        "small is not a known parameter",
        400,
        body=b"{}",
    ),
    Case("nor when the body is empty", "POST /v1/things?small=1", "small is not a known parameter", 400),
    Case("nor maps", "POST /v1/things?counts[a]=1", "counts[a] is not a known parameter", 400),
    # http.proto: "The name of the request field whose value is mapped to the HTTP request body".
    Case("the body is one field", "POST /v1/inner/x", {"text": "x", "inner": {"small": 1}}, body=b'{"small":1}'),
    Case("other fields are parameters", "POST /v1/inner/x?small=2", {"text": "x", "small": 2}),
    Case("an empty body leaves the field unset", "POST /v1/inner/x", {"text": "x"}),
    Case("an empty object sets it", "POST /v1/inner/y", {"text": "y", "inner": {}}, body=b"{}"),
    # ProtoJSON: null is accepted for every field and means that it is not set.
    Case("null leaves the field unset", "POST /v1/inner/z", {"text": "z"}, body=b" null "),
    Case("null is a value of a Value", "POST /v1/anything", {"anything": None}, body=b"null"),
    Case(
        "fields of the body are no parameters",
        "POST /v1/inner/x?inner.small=1",
        "inner.small is not a known parameter",
        400,
        body=b"{}",
    ),
    Case("nor is the body itself", "POST /v1/inner/x?inner=1", "inner is not a known parameter", 400),
    Case(
        "the path reaches into the body",
        "POST /v1/inner/x/own",
        {"inner": {"text": "x", "small": 1}},
        body=b'{"text":"y","small":1}',
    ),
    # http.proto: "If an API needs to use a JSON array ... it can map the request or response body to a repeated field."
    Case("the body is a list", "POST /v1/words", {"words": ["a", "b"]}, body=b'["a","b"]'),
    Case("the body is a list of messages", "POST /v1/many", {"many": [{"text": "a"}, {}]}, body=b'[{"text":"a"},{}]'),
    Case("the body is a map", "POST /v1/counts", {"counts": {"a": 1}}, body=b'{"a":1}'),
    Case("the body is a number", "POST /v1/large", {"large": "5"}, body=b'"5"'),
    Case("the body is a value", "POST /v1/anything", {"anything": [1, {"a": "b"}]}, body=b'[1,{"a":"b"}]'),
    Case("the body is a wrapper", "POST /v1/wrapped", {"wrapped": "a"}, body=b'"a"'),
    Case("the request is a wrapper", "POST /v1/text", "a", body=b'"a"'),
    Case("an empty wrapper", "POST /v1/text", "", body=b""),
    Case("a list is wanted", "POST /v1/words", "words must be a list", 400, body=b'"a"'),
    Case("a wrong element", "POST /v1/many", "many[1].text must be a string", 400, body=b'[{},{"text":1}]'),
    Case("a number is wanted", "POST /v1/large", "large must be an integer", 400, body=b"{}"),
    # http.proto: "If HttpRule.body is omitted, there is no HTTP request body".
    Case("a body nobody asked for is not read", "GET /v1/one/x", {"text": "x"}, body=b"{"),
    Case("an empty message in and out", "DELETE /v1/things", {}, rpc="Delete"),
    # Bad JSON (RFC 8259, and the strict reading of ProtoJSON).
    Case("no JSON", "POST /v1/things", "body must be valid JSON", 400, body=b"{"),
    Case("JSON and more", "POST /v1/things", "body must be valid JSON", 400, body=b"{}{}"),
    Case("only white space", "POST /v1/things", "body must", 400, body=b"  "),
    Case("bad UTF-8", "POST /v1/things", "body must be valid", 400, body=b'{"text":"\xff"}'),
    # RFC 8259, section 8.1: parsers may ignore a byte order mark; this one does not.
    Case("a byte order mark", "POST /v1/things", "body must be valid JSON", 400, body=b"\xef\xbb\xbf{}"),
    Case("UTF-16", "POST /v1/things", "body must be valid UTF-8", 400, body='{"text":"a"}'.encode("utf-16")),
    Case(
        "a repeated key", "POST /v1/things", "body must not repeat the key 'text'", 400, body=b'{"text":"a","text":"b"}'
    ),
    Case("both names of a field", "POST /v1/things", "ODD must not be", 400, body=b'{"ODD":"a","odd_name":"b"}'),
    Case("two of a oneof", "POST /v1/things", "body must not have more", 400, body=b'{"leftSide":"a","rightSide":1}'),
    Case("an unknown field", "POST /v1/things", "nobody is not a known field", 400, body=b'{"nobody":1}'),
    Case("an unknown field within", "POST /v1/things", "inner.nobody is not", 400, body=b'{"inner":{"nobody":1}}'),
    Case("an unknown enum name", "POST /v1/things", "color must be one of", 400, body=b'{"color":"RED"}'),
    Case("a text for a bool", "POST /v1/things", "flag must be true or false", 400, body=b'{"flag":"true"}'),
    Case("a number for a text", "POST /v1/things", "text must be a string", 400, body=b'{"text":1}'),
    Case("NaN without quotes", "POST /v1/things", "body must be valid JSON", 400, body=b'{"real":NaN}'),
    Case("too large a number", "POST /v1/things", "body must be valid JSON", 400, body=b'{"real":1e999}'),
    Case("endless nesting", "POST /v1/things", "body must not nest deeper", 400, body=b'{"inner":' * 5000),
    Case(
        "nesting beyond the limit",
        "POST /v1/things",
        "body must not nest deeper than 100 levels",
        400,
        body=b'{"inner":' * 101 + b"{}" + b"}" * 101,
    ),
    # Silent in http.proto. RFC 8259, section 11: no parameter of application/json has a meaning.
    Case("JSON by its type", "POST /v1/things", {}, body=b"{}", headers=JSON_TYPE),
    *(
        Case(f"{text} is JSON", "POST /v1/things", {"text": "a"}, body=b'{"text":"a"}', headers={"content-type": text})
        for text in (
            "application/json; charset=utf-8",
            "application/json;charset=UTF-16",
            "Application/JSON",
            "application/merge-patch+json",
            "application/vnd.api+json; version=1",
            "text/json",
            "",
        )
    ),
    *(
        Case(
            f"{text} is no JSON",
            "POST /v1/things",
            "Content-Type must be application/json",
            415,
            body=b"{}",
            headers={"content-type": text},
        )
        for text in (
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/octet-stream",
            "application/jsonp",
            "application/xml, application/json",
            "json",
        )
    ),
    # What curl says of a body when nobody tells it what it is; only pages of browsers send Origin.
    Case(
        "a form without Origin is a JSON text that was not declared",
        "POST /v1/things",
        {"text": "a"},
        body=b'{"text":"a"}',
        headers={"content-type": "application/x-www-form-urlencoded"},
    ),
    Case(
        "a form of a web page is no JSON",
        "POST /v1/things",
        "Content-Type must be application/json",
        415,
        body=b'{"text":"a"}',
        headers={"content-type": "application/x-www-form-urlencoded", "origin": "https://evil.example"},
    ),
    Case("no body has no type", "POST /v1/things", {}, headers={"content-type": "text/plain"}),
    Case("a field as a body is JSON too", "POST /v1/words", "Content-Type", 415, b"[]", {"content-type": "text/csv"}),
]

MASKS = [
    # AIP-134: without a mask, the fields that are given are the ones to change; as grpc-gateway does.
    Case(
        "fields that are given",
        "PATCH /v1/things/x",
        {"thing": {"text": "x", "small": 1}, "updateMask": "small,flag"},
        body=b'{"small":1,"flag":false}',
    ),
    Case(
        "names of the .proto file",
        "PATCH /v1/things/x",
        {"thing": {"text": "x", "ODD": "a", "wrappedLarge": "0"}, "updateMask": "oddName,wrappedLarge"},
        body=b'{"ODD":"a","wrapped_large":0}',
    ),
    Case(
        "fields of messages one by one",
        "PATCH /v1/things/x",
        {"thing": {"text": "x", "inner": {"inner": {"text": "a"}}}, "updateMask": "inner.inner.text,inner.small"},
        body=b'{"inner":{"inner":{"text":"a"},"small":0}}',
    ),
    Case(
        "lists, maps and well-known types as a whole",
        "PATCH /v1/things/x",
        {
            "thing": {
                "text": "x",
                "many": [{"text": "a"}],
                "counts": {"a": 1},
                "labels": {"b": {"c": 1}},
                "anything": {"d": 1},
                "moment": "2024-01-15T10:30:00Z",
                "wrapped": "w",
            },
            "updateMask": "many,counts,labels,anything,moment,wrapped",
        },
        body=b'{"many":[{"text":"a"}],"counts":{"a":1},"labels":{"b":{"c":1}},"anything":{"d":1},'
        b'"moment":"2024-01-15T10:30:00Z","wrapped":"w"}',
    ),
    Case(
        "null clears",
        "PATCH /v1/things/x",
        {"thing": {"text": "x"}, "updateMask": "maybe,inner,words"},
        body=b'{"maybe":null,"inner":null,"words":null}',
    ),
    Case(
        "an empty message as a whole",
        "PATCH /v1/things/x",
        {"thing": {"text": "x", "inner": {}}, "updateMask": "inner"},
        body=b'{"inner":{}}',
    ),
    Case("no field", "PATCH /v1/things/x", {"thing": {"text": "x"}, "updateMask": ""}, body=b"{}"),
    Case("no body", "PATCH /v1/things/y", {"thing": {"text": "y"}, "updateMask": ""}),
    Case("null as a body", "PATCH /v1/things/z", {"thing": {"text": "z"}, "updateMask": ""}, body=b"null"),
    Case(
        "a mask that is given stays",
        "PATCH /v1/things/x?updateMask=small",
        {"thing": {"text": "x", "small": 1, "flag": True}, "updateMask": "small"},
        body=b'{"small":1,"flag":true}',
    ),
    Case(
        "so does one that is given empty",
        "PATCH /v1/things/x?update_mask=",
        {"thing": {"text": "x", "small": 1}, "updateMask": ""},
        body=b'{"small":1}',
    ),
    Case(
        "other parameters do not matter",
        "PATCH /v1/things/x?force=true",
        {"thing": {"text": "x", "small": 1}, "updateMask": "small", "force": True},
        body=b'{"small":1}',
    ),
    Case("PUT replaces", "PUT /v1/things/x", {"thing": {"text": "x", "small": 1}}, body=b'{"small":1}'),
    Case(
        "a whole body has a mask of its own", "PATCH /v1/things", {"thing": {"small": 1}}, body=b'{"thing":{"small":1}}'
    ),
    Case(
        "a null beside the resource is none of its fields",
        "PATCH /v1/things",
        {"thing": {"small": 1}},
        body=b'{"thing":{"small":1},"force":null}',
    ),
    # A message cannot hold a null: without a mask it would be lost when the whole request is the body.
    Case(
        "null in a whole body clears",
        "PATCH /v1/amended/x",
        {"text": "x", "flag": True, "updateMask": "maybe,words,moment,oddName,flag"},
        body=b'{"maybe":null,"words":null,"moment":null,"odd_name":null,"flag":true}',
    ),
    Case(
        "a whole body without null speaks for itself",
        "PATCH /v1/amended/x",
        {"text": "x", "maybe": "", "flag": True},
        body=b'{"maybe":"","flag":true}',
    ),
    Case(
        "what tells which resource, or of the request, is not to be changed",
        "PATCH /v1/amended/x",
        {"text": "x", "requestId": "k", "updateMask": "maybe"},
        body=b'{"text":"x","requestId":"k","maybe":null}',
    ),
    Case(
        "nor is it cleared",
        "PATCH /v1/amended/x",
        {"text": "x", "maybe": "a"},
        body=b'{"text":null,"request_id":null,"update_mask":null,"maybe":"a"}',
    ),
    Case(
        "a mask in a whole body stays",
        "PATCH /v1/amended/x",
        {"text": "x", "updateMask": "flag"},
        body=b'{"maybe":null,"updateMask":"flag"}',
    ),
    Case("a wrong field is still refused", "PATCH /v1/things/x", "thing.small must be", 400, body=b'{"small":"x"}'),
]

ANSWERS = [
    # http.proto: "The name of the response field whose value is mapped to the HTTP response body."
    Case("a text", "GET /v1/pick/text?text=a", "a"),
    Case("an empty text", "GET /v1/pick/text", ""),
    Case("a 64-bit integer is a text (ProtoJSON)", "GET /v1/pick/large?large=5", "5"),
    Case("an enum", "GET /v1/pick/color?color=1", "COLOR_RED"),
    Case("a list", "GET /v1/pick/words?words=a&words=b", ["a", "b"]),
    Case("an empty list", "GET /v1/pick/words", []),
    Case("a message", "GET /v1/pick/inner?inner.small=1", {"small": 1}),
    Case("an unset message", "GET /v1/pick/inner", {}),
    Case("a timestamp", "GET /v1/pick/moment?moment=2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z"),
    Case("an unset optional text", "GET /v1/pick/maybe", None),
    Case("an optional text", "GET /v1/pick/maybe?maybe=", ""),
    Case("a map", "POST /v1/pick/counts", {"a": 1}, body=b'{"a":1}'),
    Case("an empty map", "POST /v1/pick/counts", {}),
    Case("a list of messages", "POST /v1/pick/many", [{"small": 1}, {}], body=b'[{"small":1},{}]'),
    # ProtoJSON leaves out what holds no value.
    Case("no defaults", "POST /v1/things", {}, body=b'{"small":0,"text":"","words":[],"color":0}'),
    Case("values with presence stay", "POST /v1/things", {"maybe": "", "inner": {}}, body=b'{"maybe":"","inner":{}}'),
]

PREFLIGHT = {"origin": "https://a.example", "access-control-request-method": "POST"}
METHODS = [
    # http.proto: custom patterns, "such as HEAD, or `*` to leave the HTTP method unspecified for this rule".
    Case("a method of its own", "PURGE /v1/purge/x", {"text": "x"}, rpc="Custom"),
    Case("a method of its own and no other", "GET /v1/purge/x", "Method Not Allowed", 405),
    Case("any method", "REPORT /v1/any/x", {"text": "x"}, rpc="Custom"),
    Case("any method, also a usual one", "POST /v1/any/x", {"text": "x"}, rpc="Custom"),
    Case("a rule for the method goes first", "DELETE /v1/any/x", {"text": "x"}, rpc="CustomDelete"),
    # A gateway that is not asked for CORS leaves preflights to a contract that answers them.
    Case("a rule has OPTIONS", "OPTIONS /v1/any/x", {"text": "x"}, headers=PREFLIGHT, rpc="Custom"),
    Case("an unknown method of a known path", "BREW /v1/things", "Method Not Allowed", 405),
    # RFC 9110, section 9.1: methods are case-sensitive.
    Case("a method in lower case", "get /v1/things", "Method Not Allowed", 405),
    Case("an rpc without rule has no path of rules", "POST /v1/unrouted", "Not Found", 404),
]


@table(PATHS)
async def test_path_templates(gateway: Gateway, servicer: Servicer, case: Case) -> None:
    await check(gateway, servicer, case)


@table(DECODING)
async def test_decoding_of_paths(gateway: Gateway, servicer: Servicer, case: Case) -> None:
    await check(gateway, servicer, case)


@table(VERBS)
async def test_verbs(gateway: Gateway, servicer: Servicer, case: Case) -> None:
    await check(gateway, servicer, case)


@table([Case(**{**vars(case), "expected": QUERIES_SPELLED.get(case.rule, case.expected)}) for case in QUERIES])
async def test_query_parameters(gateway: Gateway, servicer: Servicer, case: Case) -> None:
    await check(gateway, servicer, case)


@table(BODIES)
async def test_bodies(gateway: Gateway, servicer: Servicer, case: Case) -> None:
    await check(gateway, servicer, case)


@table(MASKS)
async def test_a_patch_without_mask_changes_the_fields_it_gives(
    gateway: Gateway, servicer: Servicer, case: Case
) -> None:
    await check(gateway, servicer, case)


@table(ANSWERS)
async def test_answers(gateway: Gateway, servicer: Servicer, case: Case) -> None:
    await check(gateway, servicer, case)


@table(METHODS)
async def test_http_methods(gateway: Gateway, servicer: Servicer, case: Case) -> None:
    await check(gateway, servicer, case)


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        # RFC 9110, section 15.5.6: a 405 names the methods of the resource.
        ("/v1/things", "DELETE, GET, HEAD, OPTIONS, PATCH, POST"),
        ("/v1/one/x", "GET, HEAD, OPTIONS, PUT"),
        # A literal and a variable have the path.
        ("/v1/one/me", "GET, HEAD, OPTIONS, PUT"),
        ("/v1/one/x:open", "OPTIONS, POST"),
        ("/v1/purge/x", "OPTIONS, PURGE"),
        ("/v1/head", "HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_and_options_name_the_right_ones(gateway: Gateway, target: str, allowed: str) -> None:
    wrong = await ask(gateway, f"BREW {target}")
    asked = await ask(gateway, f"OPTIONS {target}")

    assert (wrong.status, wrong.headers["allow"]) == (405, allowed)
    assert (asked.status, asked.headers["allow"], asked.body) == (204, allowed, b"")


@pytest.mark.parametrize("target", ["/v1/things?text=a", "/v1/pick/words?words=a", "/v1/one/me"])
async def test_head_has_the_headers_of_get_and_no_body(gateway: Gateway, target: str) -> None:
    # RFC 9110, section 9.3.2.
    got = await ask(gateway, f"GET {target}")

    answer = await ask(gateway, f"HEAD {target}")

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers | {"x-request-id": ""} == got.headers | {"x-request-id": ""}


async def test_a_rule_for_head_is_served_without_a_body(gateway: Gateway, servicer: Servicer) -> None:
    servicer.called.clear()

    answer = await ask(gateway, "HEAD /v1/head?text=a")

    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "12", b"")
    assert servicer.called == ["Custom"]


async def test_a_415_names_the_type_that_is_taken(gateway: Gateway) -> None:
    # RFC 9110, section 15.5.16.
    answer = await ask(gateway, "POST /v1/things", b"{}", {"content-type": "text/plain"})

    assert (answer.status, answer.headers["accept"]) == (415, "application/json")


@pytest.mark.parametrize("content_type", ["image/png", "text/html; charset=latin-1", "application/json"])
@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x00\xff", b"{", b""])
async def test_raw_bodies_pass_untouched_both_ways(gateway: Gateway, content_type: str, data: bytes) -> None:
    # google/api/httpbody.proto.
    headers = {"content-type": content_type}

    whole = await ask(gateway, "POST /v1/raw", data, headers)
    part = await ask(gateway, "PUT /v1/raw/x", data, headers)

    assert (whole.status, whole.headers["content-type"], whole.body) == (200, content_type, data)
    assert (part.status, part.headers["content-type"], part.body) == (200, content_type, data)


async def test_a_raw_body_without_a_type_stays_without_one_for_the_service(gateway: Gateway) -> None:
    answer = await ask(gateway, "POST /v1/raw", b"\x00")

    # RFC 9110, section 8.3: the recipient may assume application/octet-stream.
    assert (answer.headers["content-type"], answer.body) == ("application/octet-stream", b"\x00")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        # Comments of google/rpc/code.proto.
        (1, 499),
        (2, 500),
        (3, 400),
        (4, 504),
        (5, 404),
        (6, 409),
        (7, 403),
        (8, 429),
        (9, 400),
        (10, 409),
        (11, 400),
        (12, 501),
        (13, 500),
        (14, 503),
        (15, 500),
        (16, 401),
    ],
)
async def test_every_status_has_its_http_status_and_a_google_rpc_status(
    gateway: Gateway, code: int, status: int
) -> None:
    answer = await ask(gateway, f"GET /v1/fail/{code}?message=no+luck")

    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json() == {"code": code, "message": "no luck"}


async def test_details_are_expanded_and_unreadable_ones_kept_as_bytes(gateway: Gateway) -> None:
    answer = await ask(gateway, "GET /v1/fail/5?message=gone&detailed=true")

    assert answer.status == 404
    assert answer.json() == {
        "code": 5,
        "message": "gone",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.ResourceInfo", "resourceName": "shelves/1"},
            {"@type": "type.googleapis.com/nobody.Knows", "value": "CAE="},
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "value": "/w=="},
        ],
    }


LENIENT = [
    Case("unknown parameters are skipped", "GET /v1/one/x?nobody=1&inner.nobody=2", None),
    Case(
        "a parameter beside a whole body is skipped", "POST /v1/things?small=1&counts[a]=1", None, body=b'{"text":"x"}'
    ),
    Case("a field of the body in the query is skipped", "POST /v1/inner/x?inner.small=1", None),
    Case("unknown fields are skipped", "POST /v1/things", None, body=b'{"text":"x","nobody":{"a":[1]}}'),
    Case("a trailing slash is dropped", "GET /v1/one/x/", None),
]


@table(LENIENT)
async def test_unknown_names_and_trailing_slashes_are_ignored_by_option(lenient: Gateway, case: Case) -> None:
    answer = await ask(lenient, case.request, case.body)

    assert (answer.status, answer.json()["text"]) == (200, "x")


async def test_what_is_known_and_wrong_is_refused_all_the_same(lenient: Gateway) -> None:
    for target in ("/v1/things?counts[a]=1", "/v1/things?many.text=x", "/v1/things?flag=1", "/v1/things?inner=x"):
        assert (await ask(lenient, f"GET {target}")).status == 400


async def test_names_defaults_integers_and_enums_follow_the_options(lenient: Gateway) -> None:
    answer = await ask(lenient, "GET /v1/pick/inner?inner.large=5&inner.color=1")

    inner = answer.json()
    assert (inner["large"], inner["color"], inner["odd_name"], inner["words"]) == (5, 1, "", [])
    assert "maybe" not in inner


async def test_the_largest_body_follows_the_options(lenient: Gateway) -> None:
    answer = await ask(lenient, "POST /v1/things", b'{"text":"%b"}' % (b"x" * 100))

    assert (answer.status, answer.json()["message"]) == (413, "body must be at most 100 bytes")
