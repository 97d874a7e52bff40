from pathlib import Path

from server.cli.installation.embedded_queue import START_FAILURES, in_data_folder, is_private, packaged_valkey, ping


def test_the_socket_lies_in_the_data_folder() -> None:
    queue = in_data_folder(Path("/srv/data"))

    assert queue.socket_path == Path("/srv/data/queue.sock")
    assert queue.url == "unix:///srv/data/queue.sock?db=0"


def test_a_path_too_long_for_a_socket_gets_a_short_one_that_is_always_the_same() -> None:
    long = Path("/srv") / ("x" * 100)

    queue = in_data_folder(long)

    assert len(str(queue.socket_path)) <= 100
    assert queue.socket_path == in_data_folder(long).socket_path
    assert queue.socket_path != in_data_folder(long / "y").socket_path
    assert queue.folder == long / "queue"


def test_it_listens_on_no_port_and_keeps_an_append_only_file(tmp_path: Path) -> None:
    command = in_data_folder(tmp_path).command()

    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--port"] == "0"
    assert options["--unixsocketperm"] == "700"
    assert options["--appendonly"] == "yes"


def test_the_packaged_valkey_is_there() -> None:
    program = packaged_valkey()

    assert program is not None
    assert Path(program).is_file()


def test_a_file_that_keeps_the_queue_from_starting_is_put_aside(tmp_path: Path) -> None:
    queue = in_data_folder(tmp_path)
    queue.prepare()
    (queue.folder / "appendonly.aof").write_text("broken")

    kept = queue.prepare(START_FAILURES)
    aside = queue.prepare(START_FAILURES + 1)

    assert kept == ""
    assert str(tmp_path / "queue-damaged") in aside
    assert list(queue.folder.iterdir()) == []
    assert (tmp_path / "queue-damaged" / "appendonly.aof").read_text() == "broken"


def test_nobody_answers_on_a_socket_that_is_not_there(tmp_path: Path) -> None:
    assert not ping(tmp_path / "queue.sock")


def test_a_folder_others_can_enter_is_not_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    assert not is_private(tmp_path)
    assert is_private(tmp_path / "missing")
