"""The OpenAPI document and the pages that show it."""

from typing import Any

import pytest
from openapi_spec_validator import validate

GET_BOOK = "/gatewaytest.library.v1.LibraryService/GetBook"


@pytest.fixture
async def document(open_gateway: Any, descriptor_set: bytes) -> Any:
    client = open_gateway(comments=descriptor_set, title="Library", version="7")
    answer = await client.request("GET", "/openapi.json")
    return answer.json()


async def test_the_document_is_valid_openapi_3_1(document: Any) -> None:
    validate(document)

    assert document["openapi"] == "3.1.0"
    assert {"title": "Library", "version": "7"}.items() <= document["info"].items()


async def test_every_route_is_there_with_the_words_of_the_contract(document: Any) -> None:
    operation = document["paths"]["/v1/books/{id}"]["get"]

    assert operation["operationId"] == "LibraryService_GetBook"
    assert operation["summary"] == "Reads one book"
    assert operation["parameters"][0]["description"] == "Id of the book."
    assert operation["parameters"][1]["schema"] == {
        "type": "integer",
        "format": "int32",
        "minimum": 1,
        "maximum": 100,
        "default": 1,
    }


@pytest.mark.parametrize(
    ("needed", "security"),
    [(True, [{"bearer": []}, {"apiKey": []}]), (False, []), (None, None)],
)
async def test_operations_tell_whether_they_need_a_credential(
    open_gateway: Any, needed: bool | None, security: Any
) -> None:
    client = open_gateway(credential_needed=lambda method: needed if method.name == "GetBook" else None)

    document = (await client.request("GET", "/openapi.json")).json()

    validate(document)
    assert document["paths"]["/v1/books/{id}"]["get"].get("security") == security
    assert document["security"] == [{}, {"bearer": []}, {"apiKey": []}]


async def test_nothing_is_said_of_credentials_where_nobody_tells_which_there_are(document: Any) -> None:
    assert "security" not in document
    assert "securitySchemes" not in document["components"]


async def test_an_upload_has_no_parameter_for_its_mark(document: Any) -> None:
    operation = document["paths"]["/v1/books/{id}/text"]["put"]

    assert [parameter["name"] for parameter in operation["parameters"]] == ["id", "edition", "tags", "filename"]


async def test_schemas_follow_the_dialect(document: Any) -> None:
    schemas = document["components"]["schemas"]

    own = schemas["gatewaytest.library.v1.Book"]
    plain = schemas["gatewaytest.library.v1.Book.Output"]
    assert own["properties"]["page_count"]["type"] == "integer"
    assert own["properties"]["genre"]["enum"] == ["fiction", None]
    assert "added_at" in own["required"]
    assert plain["properties"]["pageCount"]["type"] == "string"
    assert "required" not in plain


async def test_bodies_say_what_is_required_bounded_and_secret(document: Any) -> None:
    body = document["paths"]["/v1/books"]["post"]["requestBody"]

    schema = body["content"]["application/json"]["schema"]
    assert (body["required"], schema["required"]) == (True, ["title"])
    assert schema["properties"]["title"]["maxLength"] == 50
    assert schema["properties"]["title"]["pattern"] == "^(?:[A-Z].*)$"
    assert schema["properties"]["genre"] == {
        "type": ["string", "null"],
        "enum": ["fiction", None],
        "description": "Genre.",
    }
    assert schema["properties"]["secret"]["format"] == "password"


async def test_success_status_and_error_shape_are_stated(document: Any) -> None:
    responses = document["paths"]["/v1/books"]["post"]["responses"]

    assert set(responses) == {"201", "400", "413", "415", "default"}
    assert responses["default"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


async def test_streams_forms_headers_and_twin_methods_are_described(document: Any) -> None:
    paths = document["paths"]

    assert set(paths["/v1/books/{id}/aloud"]["get"]["responses"]["200"]["content"]) == {"text/event-stream"}
    assert {"name": "Last-Event-ID", "in": "header"}.items() <= paths["/v1/books/{id}/aloud"]["get"]["parameters"][
        -1
    ].items()
    assert set(paths["/v1/books/{id}/cover"]["put"]["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/octet-stream",
    }
    pages = paths["/v1/books/{id}/pages"]["get"]
    assert pages["operationId"] == "LibraryService_ListPages"
    assert pages["parameters"][-1]["schema"] == {"type": "string", "examples": ["text"]}
    assert "*/*" in pages["responses"]["200"]["content"]


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/redoc"])
async def test_a_guard_answers_instead_of_the_page(open_gateway: Any, path: str) -> None:
    client = open_gateway(pages_guard=GET_BOOK)

    opened = await client.request("GET", path)
    refused = await client.request("GET", path, headers={"X-API-Key": "badge"})

    assert (opened.status, refused.status) == (200, 403)
    assert refused.json() == {"detail": "not with that badge"}


async def test_pages_are_read_only(client: Any) -> None:
    answer = await client.request("POST", "/docs")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
