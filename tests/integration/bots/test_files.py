"""Cookies and input files over the wire, and how workers fetch them."""

import hashlib
import json
import os
from collections.abc import Awaitable, Iterator
from pathlib import Path

import grpc
import pytest
from google.api import httpbody_pb2

from switchyard.bots.v1 import bot_instance_service_pb2 as pb
from switchyard.bots.v1 import bot_worker_service_pb2 as worker_pb
from tests.integration.bots.serving import WORKER, Bots, lease


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


COOKIES = json.dumps([{"name": "sid", "value": "secret", "domain": ".example.com"}]).encode()


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code(), refusal.value.details() or ""


def body(data: bytes) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(content_type="application/octet-stream", data=data)


async def upload_cookies(bots: Bots, instance_id: str, data: bytes) -> None:
    await bots.instances.UploadCookies(pb.UploadCookiesRequest(id=instance_id, file=body(data)))


async def put_media(bots: Bots, instance_id: str, name: str, *pieces: bytes) -> pb.PutMediaResponse:
    def requests() -> Iterator[pb.PutMediaRequest]:
        for number, piece in enumerate(pieces):
            first = {"id": instance_id, "name": name} if number == 0 else {}
            yield pb.PutMediaRequest(**first, file=body(piece), last=number == len(pieces) - 1)

    return await bots.instances.PutMedia(requests())


async def test_cookies_are_stored_as_a_storage_state_for_the_owner_only(bots: Bots) -> None:
    instance = await bots.create()

    await upload_cookies(bots, instance.id, COOKIES)

    stored = bots.folder(instance) / "secrets/storageState.json"
    assert json.loads(stored.read_text())["cookies"][0]["name"] == "sid"
    assert stored.stat().st_mode & 0o777 == 0o600
    assert (await bots.instances.ListInputs(pb.ListInputsRequest(id=instance.id))).cookies_uploaded
    assert (await bots.get(instance.id)).updated_at.ToNanoseconds() > instance.updated_at.ToNanoseconds()


async def test_refused_cookies_leave_the_good_ones(bots: Bots) -> None:
    instance = await bots.create()
    await upload_cookies(bots, instance.id, COOKIES)
    before = (bots.folder(instance) / "secrets/storageState.json").read_bytes()

    bad, _ = await refused(upload_cookies(bots, instance.id, b"not json"))
    large, _ = await refused(upload_cookies(bots, instance.id, b"[" + b" " * 5_242_880))

    assert (bad, large) == (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert (bots.folder(instance) / "secrets/storageState.json").read_bytes() == before


async def test_inputs_are_listed_with_size_and_digest(bots: Bots) -> None:
    instance = await bots.create()
    captions = b"caption,media\nhello,a.png\n"
    await bots.instances.PutCaptions(pb.PutCaptionsRequest(id=instance.id, file=body(captions)))
    stored = (await put_media(bots, instance.id, "a.png", b"first ", b"second")).input

    listed = await bots.instances.ListInputs(pb.ListInputsRequest(id=instance.id))

    assert [(file.path, file.size_bytes, file.sha256) for file in listed.inputs] == [
        ("inputs/captions.csv", len(captions), hashlib.sha256(captions).hexdigest()),
        ("inputs/media/a.png", 12, hashlib.sha256(b"first second").hexdigest()),
    ]
    assert listed.inputs[1] == stored
    assert not listed.cookies_uploaded


async def test_a_file_changed_by_hand_is_listed_as_it_is(bots: Bots) -> None:
    instance = await bots.create()
    await put_media(bots, instance.id, "a.png", b"old")
    (bots.folder(instance) / "inputs/media/a.png").write_bytes(b"changed")

    listed = await bots.instances.ListInputs(pb.ListInputsRequest(id=instance.id))

    assert listed.inputs[0].sha256 == hashlib.sha256(b"changed").hexdigest()


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ".hidden", "", "x" * 201, "a\\b", "a\x00b", "a\nb"])
async def test_a_media_name_that_is_no_plain_file_name_is_refused(bots: Bots, name: str) -> None:
    instance = await bots.create()

    code, message = await refused(put_media(bots, instance.id, name, b"x"))

    assert (code, message.split()[0]) == (grpc.StatusCode.INVALID_ARGUMENT, "name")


async def test_media_without_bytes_are_refused_and_leave_nothing(bots: Bots) -> None:
    instance = await bots.create()

    code, _ = await refused(put_media(bots, instance.id, "a.png", b""))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert names(bots.folder(instance) / "inputs/media") == []


@pytest.mark.parametrize("marks", [(False, False), (True, False), (True, True)])
async def test_media_that_break_off_or_go_on_behind_their_end_are_refused_and_leave_the_old(
    bots: Bots, marks: tuple[bool, ...]
) -> None:
    instance = await bots.create()
    await put_media(bots, instance.id, "a.png", b"old")

    def requests() -> Iterator[pb.PutMediaRequest]:
        for mark in marks:
            yield pb.PutMediaRequest(id=instance.id, name="a.png", file=body(b"new"), last=mark)

    code, message = await refused(bots.instances.PutMedia(requests()))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "last must" in message
    assert (bots.folder(instance) / "inputs/media/a.png").read_bytes() == b"old"
    assert names(bots.folder(instance) / "inputs/media") == ["a.png"]


async def test_a_linked_media_folder_is_refused(bots: Bots) -> None:
    instance = await bots.create()
    media = bots.folder(instance) / "inputs/media"
    media.rmdir()
    media.symlink_to(bots.data_dir)

    code, _ = await refused(put_media(bots, instance.id, "a.png", b"x"))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert not (bots.data_dir / "a.png").exists()


async def test_media_are_deleted_once(bots: Bots) -> None:
    instance = await bots.create()
    await put_media(bots, instance.id, "a.png", b"x")
    request = pb.DeleteMediaRequest(id=instance.id, name="a.png")

    await bots.instances.DeleteMedia(request)

    assert await refused(bots.instances.DeleteMedia(request)) == (grpc.StatusCode.NOT_FOUND, "Media file not found")


async def test_captions_that_are_no_csv_are_refused(bots: Bots) -> None:
    instance = await bots.create()

    code, _ = await refused(bots.instances.PutCaptions(pb.PutCaptionsRequest(id=instance.id, file=body(b"\xff\xfe"))))

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert not (bots.folder(instance) / "inputs/captions.csv").exists()


async def test_a_worker_fetches_all_files_under_its_lease(bots: Bots) -> None:
    instance = await bots.create()
    await upload_cookies(bots, instance.id, COOKIES)
    large = os.urandom(2_500_000)
    await put_media(bots, instance.id, "large.bin", large)
    (bots.folder(instance) / "state/empty").touch()
    (bots.folder(instance) / "logs/run-1.log").write_text("stays here")
    (bots.folder(instance) / "inputs/outside").symlink_to("/etc/passwd")
    await bots.start(instance.id)
    task = await bots.claim("run_bot")

    files: dict[str, bytes] = {}
    async for piece in bots.bot_worker.FetchFiles(worker_pb.FetchFilesRequest(lease=lease(task)), metadata=WORKER):
        assert len(piece.data) <= 1 << 20
        assert piece.first == (piece.path not in files)
        files[piece.path] = files.get(piece.path, b"") + piece.data

    assert sorted(files) == ["config.yaml", "inputs/media/large.bin", "secrets/storageState.json", "state/empty"]
    assert files["inputs/media/large.bin"] == large
    assert files["state/empty"] == b""


async def test_files_are_for_the_worker_with_the_lease_only(bots: Bots) -> None:
    instance = await bots.create()
    await bots.start(instance.id)
    task = await bots.claim("run_bot")
    task.lease.fencing_token += 1
    request = worker_pb.FetchFilesRequest(lease=lease(task))

    stale, _ = await refused(_all(bots.bot_worker.FetchFiles(request, metadata=WORKER)))
    stranger, _ = await refused(_all(bots.bot_worker.FetchFiles(request)))

    assert (stale, stranger) == (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAUTHENTICATED)


async def _all(call: "grpc.aio.UnaryStreamCall[worker_pb.FetchFilesRequest, worker_pb.FetchFilesResponse]") -> None:
    async for _ in call:
        pass
