"""What goes into calls and what comes out, without a connection: files, pages, cursors, words, settings."""

import io
from pathlib import Path

import grpc
import pytest

from switchyard.bots.v1 import bot_instance_service_pb2 as bots_pb
from switchyard.bots.v1 import run_pb2, run_service_pb2
from switchyard.environments.v1 import environment_service_pb2
from switchyard.tasks.v1 import task_pb2, task_service_pb2
from switchyard.telemetry.v1 import live_service_pb2
from switchyard_client import Client, Tokens, paging, resume, word
from switchyard_client.content import PIECE_BYTES, Content, body
from switchyard_client.log import LogReader, line_of_run
from switchyard_client.settings import DEFAULT_ADDRESS
from switchyard_client.upload import messages

End = run_service_pb2.WatchLogsResponse.End
Line = run_service_pb2.WatchLogsResponse.Line


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_a_file_is_sent_whole_and_says_so(size: int, tmp_path: Path) -> None:
    data = bytes(index % 251 for index in range(size))
    (tmp_path / "file").write_bytes(data)
    contents: list[Content] = [data, tmp_path / "file", io.BytesIO(data), [data[:10], b"", data[10:]]]

    for content in contents:
        first = bots_pb.PutMediaRequest(id="b", name="n")
        sent = [
            bots_pb.PutMediaRequest.FromString(each.SerializeToString())
            for each in messages(first, content, content_type="video/mp4")
        ]

        assert b"".join(each.file.data for each in sent) == data
        assert [each.last for each in sent] == [False] * (len(sent) - 1) + [True]
        assert [(each.id, each.name) for each in sent] == [("b", "n")] + [("", "")] * (len(sent) - 1)
        assert all(len(each.file.data) <= PIECE_BYTES for each in sent)


def test_a_body_is_a_text_bytes_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("é")

    assert {body("é").data, body("é".encode()).data, body(tmp_path / "captions.csv").data} == {"é".encode()}


def test_an_empty_token_is_the_last_page() -> None:
    request = task_service_pb2.ListTasksRequest()

    assert paging.by_token(request, task_service_pb2.ListTasksResponse(next_page_token="n"))
    assert request.page_token == "n"
    assert not paging.by_token(request, task_service_pb2.ListTasksResponse())


@pytest.mark.parametrize(
    ("page", "total", "more"),
    [
        (1, 0, False),  # an empty list
        (1, 20, False),  # full, and the last one
        (1, 21, True),
        (2, 21, False),
        (9, 21, False),  # beyond the end
    ],
)
def test_numbered_pages_end_with_the_total(page: int, total: int, more: bool) -> None:
    request = bots_pb.ListBotInstancesRequest()
    answer = bots_pb.ListBotInstancesResponse(page=page, per_page=20, total=total)

    assert paging.by_number(request, answer) is more
    assert request.page == page + 1


def test_pages_of_environments_name_their_size_otherwise() -> None:
    request = environment_service_pb2.ListEnvironmentsRequest()
    answer = environment_service_pb2.ListEnvironmentsResponse(page=1, page_size=2, total=3)

    assert paging.by_number(request, answer)


def test_a_list_by_the_oldest_ends_with_an_empty_page_only() -> None:
    request = run_service_pb2.ListRunsRequest()
    turn = paging.by_oldest("runs", "id")
    page = run_service_pb2.ListRunsResponse(runs=[run_pb2.Run(id="new"), run_pb2.Run(id="old")])

    assert turn(request, page)
    assert request.before == "old"
    assert not turn(request, run_service_pb2.ListRunsResponse())


def test_a_stream_goes_on_behind_the_last_line_that_has_a_cursor() -> None:
    request = run_service_pb2.WatchLogsRequest(id="b")
    introduction = run_service_pb2.WatchLogsResponse(lines=[Line(text="Bot: noop")])
    lines = run_service_pb2.WatchLogsResponse(lines=[Line(cursor="r:1"), Line(cursor="r:2")])
    end = run_service_pb2.WatchLogsResponse(end=End(cursor="r:end"))

    places = []
    for message in (introduction, lines, end):
        resume.behind_cursor(request, message)
        places.append(request.after)

    assert places == ["", "r:2", "r:end"]
    watch = live_service_pb2.WatchRequest()
    resume.behind_cursor(watch, live_service_pb2.WatchResponse(cursor="7"))
    assert watch.after == "7"


def test_a_reader_of_a_log_is_behind_the_line_it_was_given() -> None:
    reader: LogReader[task_pb2.LogLine, End] = LogReader(line_of_run, "")
    reader.take(run_service_pb2.WatchLogsResponse(lines=[Line(text="names the instance")]))
    reader.take(
        run_service_pb2.WatchLogsResponse(
            lines=[Line(cursor=f"r:{seq}", line=task_pb2.LogLine(seq=seq)) for seq in (1, 2)],
            end=End(cursor="r:end", run_id="r"),
        )
    )

    seen = []
    while (line := reader.give()) is not None:
        seen.append((line.seq, reader.cursor, reader.over))

    assert seen == [(1, "r:1", False), (2, "r:2", False)]
    assert (reader.over, reader.cursor, reader.end and reader.end.run_id) == (True, "r:end", "r")


def test_an_enum_is_told_in_its_word_and_a_newer_one_by_its_number() -> None:
    assert word(task_pb2.LogLine(level=task_pb2.LogLine.LEVEL_WARNING), "level") == "warning"
    assert word(task_pb2.LogLine(level=77), "level") == "77"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="seq is no enum"):
        word(task_pb2.LogLine(), "seq")


@pytest.mark.parametrize(("life", "margin"), [(900, 30), (60, 6)])
def test_tokens_are_replaced_before_they_expire(life: int, margin: int) -> None:
    class Answer:
        access_token = "a"
        refresh_token = "r"
        expires_in = life

    assert Tokens.of_answer(Answer, now=1000.0).refresh_time == 1000.0 + life - margin


def test_what_is_not_said_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHYARD_SERVER", "there:1")
    monkeypatch.setenv("SWITCHYARD_API_KEY", "from-environment")
    assert repr(Client()) == "Client('there:1')"
    assert Client()._connection.metadata == (("x-api-key", "from-environment"),)
    assert Client("here:2", api_key="given")._connection.metadata == (("x-api-key", "given"),)

    monkeypatch.delenv("SWITCHYARD_SERVER")
    assert Client()._connection.settings.address == DEFAULT_ADDRESS


def test_no_secret_is_in_a_repr() -> None:
    client = Client(
        api_key="secret-1",
        tokens=Tokens("secret-2", "secret-3"),
        headers={"authorization": "secret-4"},
        tls=grpc.ssl_channel_credentials(),
    )

    assert "secret" not in repr(client) + repr(client._connection.settings) + repr(client.tokens)


def test_a_deadline_must_leave_some_time() -> None:
    with pytest.raises(ValueError, match="timeout"):
        Client(timeout=0)
