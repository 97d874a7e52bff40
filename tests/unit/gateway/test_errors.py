"""The gateway's own refusals."""

import grpc

from gateway.errors import HTTP_STATUS, BodyTooLarge, MethodNotAllowed


def test_every_grpc_status_has_an_http_status() -> None:
    assert set(HTTP_STATUS) == set(grpc.StatusCode)


def test_a_cancelled_call_is_499() -> None:
    # Comments of google/rpc/code.proto.
    assert HTTP_STATUS[grpc.StatusCode.CANCELLED] == 499


def test_a_wrong_method_tells_the_allowed_ones() -> None:
    # RFC 9110, section 15.5.6.
    refusal = MethodNotAllowed(["GET", "HEAD"])

    assert refusal.http_status == 405
    assert refusal.headers == (("allow", "GET, HEAD"),)


def test_a_body_that_is_too_large_is_413() -> None:
    assert BodyTooLarge(10).http_status == 413
