"""The command line of a gateway that runs apart: several servers, several listeners."""

import pytest

from gateway.arguments import Listening, read_arguments

SOURCE = ["--backend", "one.example:50051", "--reflection"]


def test_without_more_it_listens_for_its_one_listener_on_this_machine_only() -> None:
    asked = read_arguments(SOURCE)

    assert asked.listen == [Listening("127.0.0.1", 8000, "main")]
    assert (asked.probes, asked.drain, asked.rate_limit_storage) == (None, 0, "memory://")


def test_a_listener_is_named_with_its_address_or_for_all_that_name_none() -> None:
    asked = read_arguments([*SOURCE, "--listener", "inner", "--listen", "[::1]:1", "--listen", "outer=0.0.0.0:2"])

    assert asked.listen == [Listening("::1", 1, "inner"), Listening("0.0.0.0", 2, "outer")]


def test_a_listener_has_one_address(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        read_arguments([*SOURCE, "--listen", "127.0.0.1:1", "--listen", "main=127.0.0.1:2"])

    assert refusal.value.code == 2
    assert "--listen names a listener twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("one:1", ("one:1",)),
        ("one:1, two:2", ("one:1", "two:2")),
        ("dns:///many.example:50051", ("dns:///many.example:50051",)),
        ("unix:/run/server.sock", ("unix:/run/server.sock",)),
    ],
)
def test_servers_have_commas_between_them(text: str, servers: tuple[str, ...]) -> None:
    assert read_arguments(["--backend", text, "--reflection"]).backend == servers


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--backend", " , ", "must name a server as HOST:PORT"),
        ("--unknown-path-errors", "main", "must be LISTENER=SHAPE"),
        ("--unknown-path-errors", "main=html", "must be LISTENER=SHAPE"),
        ("--probes", "8081", "must be HOST:PORT"),
        ("--drain", "-1", "must be a positive number of seconds"),
    ],
)
def test_what_cannot_be_read_is_refused(
    option: str, value: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read_arguments([*SOURCE, option, value])

    assert sentence in capsys.readouterr().err


def test_a_storage_with_a_password_needs_no_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    # Arguments can be read by whoever lists the processes of a machine.
    monkeypatch.setenv("GATEWAY_RATE_LIMIT_STORAGE", "redis://:secret@store:6379/0")

    assert read_arguments(SOURCE).rate_limit_storage == "redis://:secret@store:6379/0"
