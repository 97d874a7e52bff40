import grpc
import pytest

from server.cli.failures import MEANINGS, ExitCode, from_status


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


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(ExitCode)
