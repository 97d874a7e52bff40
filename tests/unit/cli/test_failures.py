import grpc
import pytest
from google.rpc import error_details_pb2

from server.cli.failures import DETAILS_KEY, MEANINGS, ExitCode, error_info, from_status
from server.errors import BrowserGone
from server.rpc.errors import of_refusal


@pytest.mark.parametrize(
    ("status", "exit_code"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, ExitCode.USAGE),
        (grpc.StatusCode.NOT_FOUND, ExitCode.NOT_FOUND),
        (grpc.StatusCode.UNAUTHENTICATED, ExitCode.REFUSED),
        (grpc.StatusCode.PERMISSION_DENIED, ExitCode.REFUSED),
        (grpc.StatusCode.UNAVAILABLE, ExitCode.UNREACHABLE),
        # A run is active; a fault of the server; whatever may come.
        (grpc.StatusCode.FAILED_PRECONDITION, ExitCode.FAILED),
        (grpc.StatusCode.INTERNAL, ExitCode.FAILED),
        (grpc.StatusCode.DATA_LOSS, ExitCode.FAILED),
    ],
)
def test_the_status_of_a_call_decides_the_exit_code(status: grpc.StatusCode, exit_code: ExitCode) -> None:
    assert from_status(status, "no", server="s").exit_code is exit_code


def test_a_refusal_is_one_line() -> None:
    failure = from_status(grpc.StatusCode.INVALID_ARGUMENT, "page must\nbe at least 1", server="s")

    assert str(failure) == "page must be at least 1"


def test_a_refusal_without_words_names_its_status() -> None:
    assert str(from_status(grpc.StatusCode.INTERNAL, "", server="s")) == "INTERNAL"


def test_a_server_that_says_what_is_away_does_answer() -> None:
    info = error_details_pb2.ErrorInfo(metadata={"cause": "its worker\nwas lost"})

    failure = from_status(grpc.StatusCode.UNAVAILABLE, "Browser server not responding", server="s", info=info)

    assert str(failure) == "Browser server not responding: its worker was lost"
    assert failure.exit_code is ExitCode.FAILED


def test_what_a_server_says_of_an_error_stands_in_its_trailing_metadata() -> None:
    wire = of_refusal(BrowserGone("it was killed"))

    info = error_info([("date", "today"), (DETAILS_KEY, wire.details)])

    assert info is not None
    assert (info.reason, dict(info.metadata)) == ("ERROR_REASON_BROWSER_GONE", {"cause": "it was killed"})
    assert error_info([("date", "today")]) is None


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(ExitCode)
