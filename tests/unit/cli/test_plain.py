"""Messages as `--json` prints them: as the HTTP API writes them."""

from server.cli.plain import enum_names, enum_number, local_time, to_plain
from switchyard.bots.v1 import bot_instance_pb2, run_pb2
from switchyard.orchestrator.v1.job_pb2 import JobDetail
from switchyard.tasks.v1 import task_pb2


def test_every_field_is_there_and_null_when_it_holds_nothing() -> None:
    plain = to_plain(bot_instance_pb2.BotInstance(id="i1"))

    assert plain == {
        "id": "i1",
        "owner_type": "OWNER_TYPE_UNSPECIFIED",
        "owner_id": "",
        "bot_code": "",
        "status": "STATUS_UNSPECIFIED",
        "config_path": "",
        "validation_status": None,
        "last_validated_at": None,
        "created_at": None,
        "updated_at": None,
    }


def test_enum_values_have_the_names_of_the_api() -> None:
    run = run_pb2.Run(status=run_pb2.RUN_STATUS_SUCCESS)

    assert to_plain(run)["status"] == "success"


def test_an_enum_value_of_a_newer_server_is_its_number() -> None:
    run = run_pb2.Run.FromString(bytes([6 << 3, 99]))

    assert to_plain(run)["status"] == 99


def test_times_are_utc_and_have_a_fraction_only_when_it_is_not_zero() -> None:
    run = run_pb2.Run()
    run.queued_at.FromJsonString("2024-01-15T10:30:00Z")
    run.started_at.FromJsonString("2024-01-15T10:30:05.250Z")

    plain = to_plain(run)

    assert plain["queued_at"] == "2024-01-15T10:30:00Z"
    assert plain["started_at"] == "2024-01-15T10:30:05.250000Z"


def test_large_integers_stay_numbers() -> None:
    artifact = task_pb2.Artifact(size_bytes=2**53 + 1)

    assert to_plain(artifact)["size_bytes"] == 2**53 + 1


def test_messages_inside_and_lists_of_them_are_plain_too() -> None:
    task = task_pb2.Task()
    task.receipt.signals.add(name="SIGTERM")
    task.attempt_timeout.FromSeconds(90)

    plain = to_plain(task)

    assert plain["receipt"]["signals"] == [{"name": "SIGTERM", "send_time": None}]
    assert plain["attempt_timeout"] == 90.0
    assert plain["lease"] is None


def test_names_lead_back_to_numbers() -> None:
    status = run_pb2.RunStatus.DESCRIPTOR

    assert enum_names(status) == ["queued", "running", "success", "error", "stopped"]
    assert enum_number(status, "stopped") == run_pb2.RUN_STATUS_STOPPED


def test_people_read_times_to_the_second() -> None:
    run = run_pb2.Run()
    run.queued_at.FromJsonString("2024-01-15T10:30:00.999Z")

    assert local_time(run.queued_at).endswith(":00")


def test_json_that_is_sent_as_text_is_shown_as_what_it_says() -> None:
    job = JobDetail(variables='{"sum": 15, "big": 12345678901234567890}')

    plain = to_plain(job)

    assert (plain["variables"], plain["outputs"]) == ({"sum": 15, "big": 12345678901234567890}, None)
