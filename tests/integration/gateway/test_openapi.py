"""The OpenAPI document says what is true, and all that there is to say."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import validate

from gateway.contract.services import read_services
from gateway.errors.problem import ErrorReasons
from gateway.openapi import openapi_document
from gateway.options import GatewayOptions
from gateway_options.v1 import options_pb2

HERE = Path(__file__).parent
PROTO = HERE.parents[2] / "proto"


@pytest.fixture(scope="module")
def shapes_set(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The contract of the shapes with comments, as protoc writes it."""
    target = tmp_path_factory.mktemp("shapes") / "set.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{HERE}", "--include_imports"]
    subprocess.run([*command, "--include_source_info", f"--descriptor_set_out={target}", "shapes.proto"], check=True)
    return target.read_bytes()


@pytest.fixture(scope="module")
def shapes(shapes_set: bytes) -> FileDescriptor:
    """Descriptors in a pool of their own."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(shapes_set).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool.FindFileByName("shapes.proto")


def write(file: FileDescriptor, options: GatewayOptions) -> Any:
    """The document of all services in `file`."""
    methods = read_services(file.services_by_name.values(), options.service_defaults)
    return orjson.loads(openapi_document(methods, options, ErrorReasons(file.enum_types_by_name.values())))


@pytest.fixture(scope="module")
def document(shapes: FileDescriptor, shapes_set: bytes) -> Any:
    return write(shapes, GatewayOptions(comments=shapes_set))


def content(operation: Any) -> Any:
    """Schema of the JSON body of an operation."""
    return operation["requestBody"]["content"]["application/json"]["schema"]


def fits(value: Any, schema: Any, document: Any) -> bool:
    """Whether `value` is valid by a schema of the document."""
    whole = {**schema, "components": document["components"]}
    return bool(OAS31Validator(whole, format_checker=oas31_format_checker).is_valid(value))


def with_examples(node: Any) -> Iterator[Any]:
    """Every object of the document that holds an example and its schema."""
    if isinstance(node, dict):
        if "example" in node and "schema" in node:
            yield node
        for member in node.values():
            yield from with_examples(member)
    elif isinstance(node, list):
        for member in node:
            yield from with_examples(member)


@pytest.mark.parametrize(
    "defaults",
    [
        options_pb2.ServiceOptions(),
        options_pb2.ServiceOptions(
            error_shape=options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL,
            name_style=options_pb2.ServiceOptions.NAME_STYLE_PROTO,
            null_policy=options_pb2.ServiceOptions.NULL_POLICY_NULL,
            integer_style=options_pb2.ServiceOptions.INTEGER_STYLE_NUMBER,
            unknown_fields=options_pb2.ServiceOptions.UNKNOWN_POLICY_IGNORE,
        ),
        options_pb2.ServiceOptions(
            error_shape=options_pb2.ServiceOptions.ERROR_SHAPE_CODED,
            null_policy=options_pb2.ServiceOptions.NULL_POLICY_OMIT,
            enum_style=options_pb2.ServiceOptions.ENUM_STYLE_NUMBER,
            default_framing=options_pb2.Stream.FRAMING_SSE,
        ),
    ],
    ids=["strict", "nulls", "coded"],
)
def test_in_every_dialect_the_document_is_valid_and_so_are_its_examples(
    shapes: FileDescriptor, shapes_set: bytes, defaults: options_pb2.ServiceOptions
) -> None:
    document = write(shapes, GatewayOptions(comments=shapes_set, service_defaults=defaults))

    validate(document)
    examples = list(with_examples(document))
    assert len(examples) > 30
    assert [one["example"] for one in examples if not fits(one["example"], one["schema"], document)] == []


# google/api/http.proto knows variables of several segments; OpenAPI 3.1 does not ("Path Templating").
def test_a_variable_of_several_segments_is_taken_apart(document: Any) -> None:
    *parameters, _ = document["paths"]["/v1/rooms/{id_1}/shapes/{id_2}"]["get"]["parameters"]

    assert [(one["name"], one["in"], one["required"]) for one in parameters] == [
        ("id_1", "path", True),
        ("id_2", "path", True),
    ]
    assert parameters[0]["description"] == "A part of `id`."


def test_a_variable_of_any_number_of_segments_says_so(document: Any) -> None:
    parameter, _ = document["paths"]["/v1/files/{id}"]["get"]["parameters"]

    assert "any number of segments" in parameter["description"]
    assert "minLength" not in parameter["schema"]


# OpenAPI 3.1, "Paths Object": templated paths of one hierarchy are identical, whatever their variables are called.
def test_paths_of_one_shape_are_one_path(document: Any) -> None:
    item = document["paths"]["/v1/shapes/{id}"]

    assert set(item) == {"get", "put", "delete", "x-additionalOperations", "x-otherRoutes"}
    assert item["put"]["parameters"][0]["name"] == "id"
    assert "/v1/shapes/{shape.id}" not in document["paths"]


def test_methods_and_routes_openapi_cannot_name_are_there_as_extensions(document: Any) -> None:
    item = document["paths"]["/v1/shapes/{id}"]

    assert item["x-additionalOperations"]["REPORT"]["operationId"] == "ShapeService_GetShape_4"
    assert item["x-otherRoutes"]["GET /v1/shapes/{id=**}"]["operationId"] == "ShapeService_GetFolder"


def test_a_segment_that_no_field_takes_is_a_parameter_too(document: Any) -> None:
    parameter = document["paths"]["/v1/{segment_2}/found"]["get"]["parameters"][0]

    assert (parameter["name"], parameter["in"], parameter["required"]) == ("segment_2", "path", True)


def test_parameters_of_the_query_are_those_the_gateway_takes(document: Any) -> None:
    parameters = document["paths"]["/v1/{segment_2}/found"]["get"]["parameters"]

    by_name = {one["name"]: one for one in parameters if one["in"] == "query"}
    assert by_name["ids"]["schema"]["items"] == {"type": "string"}
    # Text in a query needs no quotes, whatever the dialect.
    assert by_name["like.corners"]["schema"]["type"] == "integer"
    assert set(by_name["words"]["content"]) == {"application/json"}
    assert not {"parts", "like.parts", "like"} & set(by_name)


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ({"code": "abc-12", "sizes": [1, 2], "weight": 1, "height": "5"}, True),
        ({"code": "abc-12x", "sizes": [1, 2], "weight": 1, "height": 5, "label": "four"}, True),
        ({"code": "abc-12", "sizes": [1, 2], "weight": 1, "height": "5", "label": "", "perhaps": None}, True),
        ({"code": "abc-12", "sizes": [1, 2], "weight": 1, "height": "5", "open": True}, True),
        # Two members of a oneof.
        ({"code": "abc-12", "sizes": [1, 2], "weight": 1, "height": "5", "open": True, "closedBy": "a"}, False),
        # Unknown keys are refused by default.
        ({"code": "abc-12", "sizes": [1, 2], "weight": 1, "height": "5", "colour": "red"}, False),
        ({"code": "", "sizes": [1, 2], "weight": 1, "height": "5"}, False),
        ({"code": None, "sizes": [1, 2], "weight": 1, "height": "5"}, False),
        ({"code": "abc-1", "sizes": [1, 2], "weight": 1, "height": "5"}, False),
        ({"code": "abc-12", "sizes": [1], "weight": 1, "height": "5"}, False),
        ({"code": "abc-12", "sizes": [1, 2], "weight": 0, "height": "5"}, False),
        # A number without presence is there even when it is absent, so a bound above zero makes it needed.
        ({"code": "abc-12", "sizes": [1, 2], "weight": 1}, False),
        ({"code": "abc-12", "sizes": [1, 2], "weight": 1, "height": 4}, False),
        ({"code": "abc-12", "sizes": [1, 2], "weight": 1, "height": "5", "label": "abc"}, False),
    ],
)
def test_a_body_fits_where_its_values_are_within_bounds(document: Any, body: Any, valid: bool) -> None:
    schema = content(document["paths"]["/v1/shapes:make"]["post"])

    assert fits(body, schema, document) is valid


@pytest.mark.parametrize(
    ("defaults", "answer"),
    [
        (options_pb2.ServiceOptions(), {"year": "2024", "cents": 5, "parts": {"a": 5}, "note": None, "discount": "5"}),
        (
            options_pb2.ServiceOptions(
                null_policy=options_pb2.ServiceOptions.NULL_POLICY_NULL,
                integer_style=options_pb2.ServiceOptions.INTEGER_STYLE_NUMBER,
            ),
            {"year": "2024", "cents": 5, "parts": {"a": 5}, "note": None, "discount": None},
        ),
    ],
    ids=["strict", "nulls and numbers"],
)
def test_a_field_is_described_in_its_own_dialect(
    shapes: FileDescriptor, defaults: options_pb2.ServiceOptions, answer: Any
) -> None:
    document = write(shapes, GatewayOptions(service_defaults=defaults))
    operation = document["paths"]["/v1/bills/{year}:check"]["post"]

    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert fits(answer, schema, document)
    wrong = [{"year": 2024}, {"cents": "5"}, {"parts": {"a": "5"}}, {"tags": None}]
    assert [change for change in wrong if fits(answer | change, schema, document)] == []
    without_note = {key: value for key, value in answer.items() if key != "note"}
    assert not fits(without_note, schema, document)
    # In a path all is text, and needs no quotes.
    assert operation["parameters"][0]["schema"]["type"] == "integer"
    assert fits({"cents": 5}, content(operation), document)
    assert not fits({"cents": "5"}, content(operation), document)


def test_a_text_that_is_json_is_described_as_its_value(shapes: FileDescriptor) -> None:
    nulls = options_pb2.ServiceOptions(null_policy=options_pb2.ServiceOptions.NULL_POLICY_NULL)
    document = write(shapes, GatewayOptions(service_defaults=nulls))
    operation = document["paths"]["/v1/notes"]["post"]

    body: Any = {
        "needed": {},
        "object": {"longer": "than nine characters"},
        "any": [1],
        "objects": [{}],
        "byName": {"a": 1},
    }
    assert fits(body, content(operation), document)
    wrong: list[Any] = [
        {"needed": None},
        {"needed": "{}"},
        {"object": "{}"},
        {"objects": [1]},
        {"objects": [{}, {}, {}]},
    ]
    assert [change for change in wrong if fits(body | change, content(operation), document)] == []
    assert content(operation)["properties"]["paging"]["default"] == {"size": 20}
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    empty: Any = {"object": None, "any": None, "objects": [], "byName": {}, "paging": None, "needed": None}
    assert fits(empty, answer, document)
    parameters = {one.get("name"): one for one in document["paths"]["/v1/notes"]["get"]["parameters"]}
    assert parameters["object"]["content"]["application/json"]["schema"]["type"] == "object"


def test_a_key_that_has_a_header_is_described_as_that_header(document: Any) -> None:
    operation = document["paths"]["/v1/shapes:make"]["post"]

    (parameter,) = operation["parameters"]
    assert (parameter["name"], parameter["in"]) == ("Idempotency-Key", "header")
    assert parameter["description"] == "Key of the request. The key of the body `requestId` goes before it."
    assert "requestId" not in content(operation)["properties"]


def test_refusals_are_read_from_the_comment_and_the_options(document: Any) -> None:
    responses = document["paths"]["/v1/shapes/{id}"]["get"]["responses"]

    assert list(responses) == ["200", "304", "400", "404", "409", "429", "default"]
    assert responses["404"]["description"] == "What the request names was not found."
    assert responses["409"]["description"] == "FAILED_PRECONDITION with REASON_ROUND while it rolls."
    assert responses["409"]["content"]["application/json"]["example"]["code"] == 9
    assert set(responses["429"]["headers"]) == {"X-Request-ID", "Retry-After"}


def test_refusals_have_the_words_of_the_service_and_the_code_of_the_reason(
    library: FileDescriptor, descriptor_set: bytes
) -> None:
    document = write(library, GatewayOptions(listener="back", comments=descriptor_set))

    responses = document["paths"]["/back/books/{id}"]["get"]["responses"]
    examples = {status: responses[status]["content"]["application/json"]["example"] for status in ("404", "409", "503")}
    assert (examples["404"]["error"], examples["404"]["code"]) == ("Not on our shelves", "NOT_FOUND")
    assert (examples["409"]["error"], examples["409"]["code"]) == ("Conflict", "BOOK_LENT")
    assert (examples["503"]["error"], examples["503"]["code"]) == ("Closed", "CLOSED")


# RFC 9110, section 13.1.2.
def test_an_answer_with_an_entity_tag_need_not_come_twice(shapes: FileDescriptor, document: Any) -> None:
    tagged = document["paths"]["/v1/shapes/{id}"]["get"]
    without = write(shapes, GatewayOptions(etags=False))["paths"]["/v1/shapes/{id}"]["get"]

    assert {"$ref": "#/components/parameters/If-None-Match"} in tagged["parameters"]
    assert "ETag" in tagged["responses"]["200"]["headers"]
    assert "304" not in without["responses"]
    assert "304" not in document["paths"]["/v1/shapes/{id}"]["put"]["responses"]


def test_a_limited_method_without_body_states_its_headers(document: Any) -> None:
    responses = document["paths"]["/v1/shapes/{id}"]["delete"]["responses"]

    assert "content" not in responses["204"]
    assert "X-RateLimit-Remaining" in responses["204"]["headers"]
    assert responses["429"]["description"] == "More than 3 requests within 60 seconds."
    assert "X-RateLimit-Limit" in responses["default"]["headers"]


@pytest.mark.parametrize(("needed", "statuses"), [(True, {"401", "403"}), (None, {"401", "403"}), (False, set())])
def test_a_call_that_may_need_a_credential_may_be_refused_for_want_of_one(
    shapes: FileDescriptor, shapes_set: bytes, needed: bool | None, statuses: set[str]
) -> None:
    options = GatewayOptions(
        comments=shapes_set, credential_needed=lambda _: needed, who_may_call=lambda _: "Only friends."
    )

    operation = write(shapes, options)["paths"]["/v1/scan"]["post"]

    assert {"401", "403"} & set(operation["responses"]) == statuses
    assert operation["description"] == "Takes a drawing as it is.\n\nOnly friends."


def test_a_stream_states_each_framing_with_its_errors(document: Any) -> None:
    operation = document["paths"]["/v1/{segment_2}/found"]["get"]

    media = operation["responses"]["200"]["content"]
    lines, events = media["application/x-ndjson"]["schema"], media["text/event-stream"]["schema"]
    error = {"error": {"code": 5, "message": "gone"}}
    assert fits({"id": "a"}, lines, document)
    assert fits(error, lines, document)
    assert fits({"event": "message", "data": '{"id":"a"}'}, events, document)
    assert fits({"event": "error", "data": '{"code":5,"message":"gone"}'}, events, document)
    assert not fits({"event": "surprise", "data": ""}, events, document)
    assert "`application/x-ndjson` (by `Accept`)" in operation["description"]


def test_a_websocket_states_its_frames(document: Any) -> None:
    watch, talk = document["paths"]["/v1/watch"]["get"], document["paths"]["/v1/talk"]["post"]

    assert list(watch["responses"]) == ["101", "400", "426", "default"]
    assert fits({"id": "a"}, watch["x-websocket"]["receive"], document)
    assert fits({"end": {"id": "a"}}, watch["x-websocket"]["receive"], document)
    assert "send" not in watch["x-websocket"]
    assert fits({"shape": {"id": "a"}, "mask": "drawnAt"}, talk["x-websocket"]["send"], document)
    assert set(talk["requestBody"]["content"]) == {"application/x-ndjson", "application/json"}


def test_files_are_bytes_of_any_kind(document: Any) -> None:
    operation = document["paths"]["/v1/scan"]["post"]

    assert set(operation["requestBody"]["content"]) == {"application/octet-stream"}
    assert operation["responses"]["200"]["content"] == {"*/*": {}}
    assert operation["responses"]["415"]["description"] == "The body has a Content-Encoding that is not known."


@pytest.mark.parametrize(
    "target", ["/v1/books/1", "/v1/books/missing", "/v1/books/bad", "/plain/books/1", "/v1/books/guest"]
)
async def test_answers_are_as_described(open_gateway: Any, descriptor_set: bytes, target: str) -> None:
    client = open_gateway(comments=descriptor_set)
    document = (await client.request("GET", "/openapi.json")).json()
    operation = document["paths"][f"{target.rpartition('/')[0]}/{{id}}"]["get"]

    answer = await client.request("GET", target)

    response = operation["responses"].get(str(answer.status), operation["responses"]["default"])
    assert fits(answer.json(), response["content"]["application/json"]["schema"], document)
    assert {name.lower() for name in response["headers"]} <= answer.headers.keys()


async def test_each_line_of_a_stream_is_as_described(open_gateway: Any, descriptor_set: bytes) -> None:
    client = open_gateway(comments=descriptor_set)
    document = (await client.request("GET", "/openapi.json")).json()
    media = document["paths"]["/v1/books/{id}/pages"]["get"]["responses"]["200"]["content"]

    answer = await client.request("GET", "/v1/books/breaks/pages")

    lines = [orjson.loads(line) for line in answer.body.splitlines()]
    assert [fits(line, media["application/x-ndjson"]["schema"], document) for line in lines] == [True, True, True]
    assert "error" in lines[-1]


async def test_a_twin_that_a_parameter_chooses_is_told_in_the_same_operation(
    open_gateway: Any, descriptor_set: bytes
) -> None:
    client = open_gateway(comments=descriptor_set)

    document = (await client.request("GET", "/openapi.json")).json()

    operation = document["paths"]["/v1/books/{id}/pages"]["get"]
    assert operation["parameters"][-1]["description"] == "`text` chooses: The pages as a download."
    assert set(operation["responses"]["200"]["content"]) == {"application/x-ndjson", "text/event-stream", "*/*"}


def test_times_of_examples_are_in_the_style_of_the_service(shapes: FileDescriptor) -> None:
    style = options_pb2.ServiceOptions.TIME_STYLE_OFFSET

    document = write(shapes, GatewayOptions(service_defaults=options_pb2.ServiceOptions(time_style=style)))

    operation = document["paths"]["/v1/shapes/{id}"]["put"]
    assert "2024-01-15T10:30:00Z" in str(operation["requestBody"])
    answer = str(operation["responses"]["200"])
    assert "2024-01-15T10:30:00+00:00" in answer
    assert "2024-01-15T10:30:00Z" not in answer


def test_a_file_is_not_described_by_what_its_envelope_says_of_itself(document: Any) -> None:
    scan = document["paths"]["/v1/scan"]["post"]

    assert scan["responses"]["200"]["description"] == "Success."
