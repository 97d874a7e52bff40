"""From the parts of an HTTP request to a request message; source: comments in google/api/http.proto.

Rules without a source are where these are silent.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import Message

from gateway.binding import compile_binding
from gateway.contract.services import ContractInvalid, HttpBinding, Method, read_services
from gateway.errors import BadRequest
from gateway_options.v1 import options_pb2

MessageClass = Callable[[str], type[Message]]


def bound(
    method: Method,
    variables: Mapping[str, str] | None = None,
    *,
    query: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    body: bytes | None = None,
) -> Any:
    return compile_binding(method, method.bindings[0])(variables or {}, query, headers, body)


def refusal_of(method: Method, variables: Mapping[str, str] | None = None, **request: Any) -> BadRequest:
    with pytest.raises(BadRequest) as refusal:
        bound(method, variables, **request)
    return refusal.value


@pytest.fixture(scope="module")
def get_shelf(methods: dict[str, Method]) -> Method:
    return methods["GetShelf"]


# Path.


def test_a_path_variable_fills_its_field(get_shelf: Method) -> None:
    assert bound(get_shelf, {"name": "shelves/a"}).name == "shelves/a"


def test_the_path_wins_over_the_body(methods: dict[str, Method]) -> None:
    shelf = bound(methods["ReplaceShelf"], {"label": "path"}, body=b'{"label": "body", "pageCount": 2}')

    assert (shelf.label, shelf.page_count) == ("path", 2)


def test_a_body_may_have_to_repeat_the_path_or_be_silent(methods: dict[str, Method]) -> None:
    move = methods["MoveShelf"]

    silent = bound(move, {"shelf_label": "a"}, body=b'{"room": "r"}')
    same = bound(move, {"shelf_label": "a"}, body=b'{"shelfLabel": "a", "room": "r"}')

    assert silent == same
    assert (same.shelf_label, same.room) == ("a", "r")
    for other in (b'{"shelfLabel": "b"}', b'{"shelf_label": "A"}', b'{"shelfLabel": ""}'):
        refusal = refusal_of(move, {"shelf_label": "a"}, body=other)
        assert [(one.field, one.message) for one in refusal.violations] == [
            ("shelfLabel", "shelfLabel must be the one in the path")
        ]


def test_the_path_wins_over_the_query(get_shelf: Method) -> None:
    assert bound(get_shelf, {"name": "path"}, query=b"name=query").name == "path"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("/x/{missing}", "is not a known parameter"),
        ("/x/{tags}", "is a repeated field"),
        ("/x/{notes}", "is a map"),
        ("/x/{author}", "is a message"),
    ],
)
def test_a_variable_that_cannot_be_a_path_segment_is_refused_with_the_rpc(
    methods: dict[str, Method], template: str, words: str
) -> None:
    binding = HttpBinding("GET", template, body="", response_body="")

    with pytest.raises(ContractInvalid, match=rf"/library\.v1\.Shelves/ReplaceShelf: .* {words}"):
        compile_binding(methods["ReplaceShelf"], binding)


def test_a_variable_that_is_no_value_of_its_field_is_refused(methods: dict[str, Method]) -> None:
    method = methods["ReplaceShelf"]
    bind = compile_binding(method, HttpBinding("GET", "/x/{page_count}", body="", response_body=""))

    with pytest.raises(BadRequest, match=r"^page_count must be an integer$"):
        bind({"page_count": "x"}, b"", (), None)


# Query.


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        (b"filter.label=a+b%2Bc%26", {"label": "a b+c&"}),  # a plus sign is a space
        (b"filter.label=", {"label": ""}),
        (b"filter.label", {"label": ""}),
        (b"filter.label=a;b", {"label": "a;b"}),  # a semicolon separates nothing (URL standard, section 5.1)
        (b"filter.pageCount=-3&filter.size_bytes=9223372036854775807", {"page_count": -3, "size_bytes": 2**63 - 1}),
        (b"filter.weight=1e3&filter.height=-0.5", {"weight": 1000, "height": -0.5}),
        (b"filter.open=true", {"open": True}),
        (b"filter.digest=_-8", {"digest": b"\xff\xef"}),
        (b"filter.genre=GENRE_ESSAY", {"genre": 2}),
        (b"filter.genre=2", {"genre": 2}),
        (b"filter.condition=used", {"condition": 2}),  # the JSON word of an option
        (b"filter.condition=CONDITION_USED", {"condition": 2}),
        (b"filter.condition=2", {"condition": 2}),
        (b"filter.tags=a&filter.tags=b", {"tags": ["a", "b"]}),
        (b"filter.floors=1&filter.floors=2", {"floors": [1, 2]}),
        (b"filter.genres=GENRE_NOVEL&filter.genres=2", {"genres": [1, 2]}),
        (b"filter.author.displayName=x&filter.author.birth_year=1", {"author": {"display_name": "x", "birth_year": 1}}),
        (b"filter.createTime=2024-01-15T10:30:00Z", {"create_time": {"seconds": 1705314600}}),
        (b"filter.loanTime=1.5s", {"loan_time": {"seconds": 1, "nanos": 500000000}}),
        (b"filter.mask=fooBar,b.c", {"mask": {"paths": ["foo_bar", "b.c"]}}),  # ProtoJSON, not the text as it is
        (b"filter.quantity=7", {"quantity": {"value": 7}}),
        (b"filter.remark=", {"remark": {}}),
        (b"filter.extra=%7B%22a%22:1%7D", {"extra": {"a": 1}}),  # JSON text
        (b"filter.anything=%22x%22", {"anything": {"string_value": "x"}}),
        (b"filter.rating=0", {"rating": 0}),  # optional and zero is not absent
        (b"filter.below.below.label=x", {"below": {"below": {"label": "x"}}}),
        (b"&&filter.label=a&", {"label": "a"}),
    ],
)
def test_a_parameter_fills_a_field_of_any_type_by_either_name(
    message_class: MessageClass, get_shelf: Method, query: bytes, fields: dict[str, Any]
) -> None:
    assert bound(get_shelf, query=query).filter == message_class("Shelf")(**fields)


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        (b"filter.pageCount=2.5", "filter.pageCount", "must be an integer"),
        (b"filter.page_count=", "filter.page_count", "must be an integer"),
        (b"filter.pageCount=2147483648", "filter.pageCount", "must be an integer from -2147483648 to 2147483647"),
        (b"filter.open=1", "filter.open", "must be true or false"),
        (b"filter.open=True", "filter.open", "must be true or false"),
        (b"filter.genre=POEM", "filter.genre", "must be one of GENRE_UNSPECIFIED, GENRE_NOVEL, GENRE_ESSAY"),
        (b"filter.condition=broken", "filter.condition", "must be one of new, used"),
        (b"filter.createTime=yesterday", "filter.createTime", "must be a time such as"),
        (b"filter.label=a&filter.label=b", "filter.label", "must be given only once"),
        (b"filter.pageCount=1&filter.page_count=1", "filter.page_count", "must be given only once"),
        (b"filter.room=a&filter.storey=1", "filter.storey", "must not be given together with room"),
        (b"filter.notes[a]=b", "filter.notes[a]", "is a map, which cannot be given as a parameter"),
        (b"filter.notes=b", "filter.notes", "is a map, which cannot be given as a parameter"),
        (b"filter.notes.a=b", "filter.notes.a", "is a map, which cannot be given as a parameter"),
        (b"filter.author=x", "filter.author", "is a message, whose fields are given one by one"),
        (b"filter.authors.displayName=x", "filter.authors.displayName", "is below a list of messages"),
        (b"filter.authors=x", "filter.authors", "is a list of messages, which cannot be given as parameters"),
        (b"filter.loanTime=1s&filter.loanTime.nanos=1", "filter.loanTime.nanos", "must be given only once"),
        (b"filter.loanTime.nanos=1&filter.loanTime=1s", "filter.loanTime", "must be given only once"),
        (b"filter.loanTime=1s&filter.loanTime=1s", "filter.loanTime", "must be given only once"),
        (b"filter.extra=%7B%22a%22:1,%22a%22:2%7D", "filter.extra", "must not repeat the key 'a'"),
        (b"zzz=1", "zzz", "is not a known parameter"),
        (b"filter.zzz=1", "filter.zzz", "is not a known parameter"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_by_name(
    get_shelf: Method, query: bytes, field: str, words: str
) -> None:
    refusal = refusal_of(get_shelf, query=query)

    assert refusal.violations == ((field, refusal.message),)
    assert refusal.message.startswith(f"{field} {words}")


def test_every_wrong_parameter_is_told(get_shelf: Method) -> None:
    refusal = refusal_of(get_shelf, query=b"filter.open=x&filter.label=fine&filter.pageCount=y")

    assert [violation.field for violation in refusal.violations] == ["filter.open", "filter.pageCount"]
    assert refusal.message == "filter.open must be true or false; filter.pageCount must be an integer"


def test_a_query_that_is_no_text_is_refused(get_shelf: Method) -> None:
    assert refusal_of(get_shelf, query=b"filter.label=%FF").message == "query must be percent-encoded UTF-8"


@pytest.mark.parametrize("query", [b"filter.label=100%", b"filter.label=%4", b"filter.%zz=x"])
def test_a_broken_escape_in_a_query_is_refused(get_shelf: Method, query: bytes) -> None:
    # RFC 3986, section 2.1.
    assert refusal_of(get_shelf, query=query).message == "query must have two hexadecimal digits behind each %"


def test_endless_nesting_in_a_parameter_is_refused(get_shelf: Method) -> None:
    refusal = refusal_of(get_shelf, query=b"filter" + b".below" * 5000 + b".label=x")

    assert "is not a known parameter" in refusal.message


def test_unknown_parameters_are_skipped_where_the_dialect_says_so(methods: dict[str, Method]) -> None:
    assert bound(methods["ListLoans"], query=b"zzz=1&page=2").page == 2


def test_the_parameter_that_chose_the_rpc_is_no_field(methods: dict[str, Method]) -> None:
    assert bound(methods["DownloadLoans"], query=b"format=text").page == 1


# Body.


def test_a_body_of_the_whole_request_takes_no_parameters(methods: dict[str, Method]) -> None:
    refusal = refusal_of(methods["ReplaceShelf"], query=b"pageCount=1", body=b"{}")

    assert refusal.message == "pageCount is not a known parameter"


def test_an_empty_body_is_the_empty_message(methods: dict[str, Method]) -> None:
    assert bound(methods["ReplaceShelf"], {"label": "a"}, body=b"").label == "a"


def test_a_body_field_takes_the_body_and_other_fields_the_query(methods: dict[str, Method]) -> None:
    request = bound(methods["CreateShelf"], query=b"shelfId=s1", body=b'{"label": "a"}')

    assert (request.shelf.label, request.shelf_id) == ("a", "s1")


def test_fields_below_the_body_field_are_no_parameters(methods: dict[str, Method]) -> None:
    refusal = refusal_of(methods["CreateShelf"], query=b"shelf.label=a", body=b"{}")

    assert refusal.message == "shelf.label is not a known parameter"


def test_an_empty_body_leaves_the_body_field_unset(methods: dict[str, Method]) -> None:
    assert not bound(methods["CreateShelf"], body=b"").HasField("shelf")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null"])
def test_a_body_that_is_no_object_is_refused(methods: dict[str, Method], body: bytes) -> None:
    assert refusal_of(methods["ReplaceShelf"], body=body).message == "body must be an object"


def test_a_wrong_field_of_the_body_is_named_from_the_request_on(methods: dict[str, Method]) -> None:
    assert (
        refusal_of(methods["CreateShelf"], body=b'{"pageCount": "x"}').message == "shelf.pageCount must be an integer"
    )


def test_raw_bodies_are_taken_untouched_with_their_content_type(methods: dict[str, Method]) -> None:
    headers = ((b"content-type", b"image/png"),)

    request = bound(methods["UploadCover"], {"label": "a"}, headers=headers, body=b"\xff{")
    whole = bound(methods["UploadAnything"], headers=headers, body=b"\xff{")

    assert (request.label, request.cover.content_type, request.cover.data) == ("a", "image/png", b"\xff{")
    assert (whole.content_type, whole.data) == ("image/png", b"\xff{")


# Texts that are JSON; source: the comment of `json_text` in gateway/v1/options.proto.


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        (b"filter=%7B+%22b%22:+1.0,%22a%22:12345678901234567890%7D", {"filter": '{"b":1.0,"a":12345678901234567890}'}),
        (b"examples=1&examples=%22x%22&examples=null", {"examples": ["1", '"x"', "null"]}),
    ],
)
def test_a_parameter_of_json_text_is_taken_as_it_is_written(
    message_class: MessageClass, methods: dict[str, Method], query: bytes, fields: dict[str, Any]
) -> None:
    request = bound(methods["GetNote"], query=query)

    request.ClearField("paging")
    assert request == message_class("GetNoteRequest")(**fields)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (b"filter=[]", "filter must be an object"),
        (b"filter=", "filter must not be empty"),
        (b"filter={", "filter must be valid JSON"),
        (b"filter=%7B%22a%22:1,%22a%22:2%7D", "filter must not repeat the key 'a'"),
        (b"examples=x", "examples must be valid JSON"),
    ],
)
def test_a_parameter_that_is_no_json_text_is_refused_by_name(
    methods: dict[str, Method], query: bytes, sentence: str
) -> None:
    assert refusal_of(methods["GetNote"], query=query).message.startswith(sentence)


def test_headers_and_defaults_of_json_text_are_json(methods: dict[str, Method]) -> None:
    request = bound(methods["GetNote"], headers=((b"x-tenant", b'{ "a": 1.0 }'),))

    assert (request.tenant, request.paging) == ('{"a":1.0}', '{"size":20}')
    assert refusal_of(methods["GetNote"], headers=((b"x-tenant", b"a"),)).message.startswith("X-Tenant must be valid")


# Headers and defaults.

KEY = ((b"idempotency-key", b"k1"),)


def test_a_header_fills_its_field(methods: dict[str, Method]) -> None:
    assert bound(methods["CreateShelf"], headers=KEY, body=b"{}").request_id == "k1"


def test_a_header_does_not_replace_what_was_given(methods: dict[str, Method]) -> None:
    assert bound(methods["CreateShelf"], query=b"requestId=q1", headers=KEY, body=b"{}").request_id == "q1"


def test_an_absent_parameter_has_its_default(methods: dict[str, Method]) -> None:
    assert bound(methods["ListLoans"]).page == 1


def test_a_given_parameter_keeps_its_value_even_if_zero(methods: dict[str, Method]) -> None:
    assert bound(methods["ListLoans"], query=b"page=0").page == 0


def test_defaults_fill_messages_that_are_there_at_any_depth(methods: dict[str, Method]) -> None:
    loan = bound(methods["CreateLoan"], body=b'{"paging": {"inner": [{"size": 3}, {"inner": [{}]}]}}')

    assert loan.paging.size == 20
    assert [inner.size for inner in loan.paging.inner] == [3, 20]
    assert loan.paging.inner[1].inner[0].size == 20
    assert not bound(methods["CreateLoan"], body=b"{}").HasField("paging")


@pytest.mark.parametrize(
    ("optional", "default", "words"),
    [(True, "x", "must be an integer"), (False, "1", "needs an optional field")],
)
def test_a_default_that_cannot_work_is_refused_with_the_field(optional: bool, default: str, words: str) -> None:
    method = _method_with_default(optional=optional, default=default)

    with pytest.raises(ContractInvalid, match=rf"defaults\.Request\.page: .*{words}"):
        compile_binding(method, method.bindings[0])


def _method_with_default(*, optional: bool, default: str) -> Method:
    file = descriptor_pb2.FileDescriptorProto(name="defaults.proto", package="defaults", syntax="proto3")
    request = file.message_type.add(name="Request")
    page = request.field.add(name="page", number=1, type="TYPE_INT32", label="LABEL_OPTIONAL")
    if optional:
        request.oneof_decl.add(name="_page")
        page.oneof_index, page.proto3_optional = 0, True
    page.options.Extensions[options_pb2.field].default_value = default
    rpc = file.service.add(name="Svc").method.add(
        name="Call", input_type=".defaults.Request", output_type=".defaults.Request"
    )
    rpc.options.Extensions[annotations_pb2.http].get = "/x"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return read_services([pool.FindServiceByName("defaults.Svc")])[0]
