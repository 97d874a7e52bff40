"""`client.bots`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.api import httpbody_pb2
from google.protobuf import struct_pb2
from switchyard.bots.v1 import bot_instance_pb2
from switchyard.bots.v1 import bot_instance_service_pb2
from switchyard.bots.v1 import run_pb2
from switchyard.bots.v1 import run_service_pb2
from switchyard.tasks.v1 import task_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import bots as methods


class Bots:
    """Instances of bots, their files, and their runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._create = connection.unary(methods.CREATE)
        self._get = connection.unary(methods.GET)
        self._update = connection.unary(methods.UPDATE)
        self._delete = connection.unary(methods.DELETE)
        self._get_config = connection.unary(methods.GET_CONFIG)
        self._upload_cookies = connection.unary(methods.UPLOAD_COOKIES)
        self._list_inputs = connection.unary(methods.LIST_INPUTS)
        self._put_captions = connection.unary(methods.PUT_CAPTIONS)
        self._delete_media = connection.unary(methods.DELETE_MEDIA)
        self._validate = connection.unary(methods.VALIDATE)
        self._complete_validation = connection.unary(methods.COMPLETE_VALIDATION)
        self._get_validation = connection.unary(methods.GET_VALIDATION)
        self._start = connection.unary(methods.START)
        self._stop = connection.unary(methods.STOP)
        self._get_run = connection.unary(methods.GET_RUN)
        self._list_artifacts = connection.unary(methods.LIST_ARTIFACTS)

    def create(
        self,
        *,
        owner_type: enums.BotsOwnerType,
        owner_id: str,
        bot_code: str,
        config: Mapping[str, Any] | struct_pb2.Struct | None = None,
        params: Mapping[str, Any] | struct_pb2.Struct | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_pb2.BotInstance:
        """Creates an instance with its folders and its config.yaml.

        Errors: INVALID_ARGUMENT; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            owner_type: Whose bot it is.
            owner_id: Who that is: 1 to 128 letters, digits, and . _ @ - inside.
            bot_code: Which bot code runs; one the server knows is not asked for here, validation tells.
            config: Keys of config.yaml, laid over the defaults.
            params: `params` of config.yaml; laid over `config.params`.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.CREATE.request(
            owner_type=enums.BotsOwnerType_NUMBERS.get(owner_type, owner_type),
            owner_id=owner_id,
            bot_code=bot_code,
            config=config,
            params=params,
            request_id=request_id or new_key(),
        )
        return (self._create(request, timeout, headers)).bot_instance

    def list(
        self,
        *,
        owner_type: enums.BotsOwnerType | None = None,
        owner_id: str | None = None,
        bot_code: str | None = None,
        status: enums.BotsBotInstanceStatus | None = None,
        page: int | None = None,
        per_page: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[bot_instance_service_pb2.ListBotInstancesResponse, bot_instance_pb2.BotInstance]:
        """Lists instances, newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            owner_type: Only this kind of owner.
            owner_id: Only this owner.
            bot_code: Only this bot code.
            status: Only this status.
            page: From 1. A page beyond the end is empty.
            per_page: 1 to 100.
        """
        request = methods.LIST.method.request(
            owner_type=enums.BotsOwnerType_NUMBERS.get(owner_type, owner_type),
            owner_id=owner_id,
            bot_code=bot_code,
            status=enums.BotsBotInstanceStatus_NUMBERS.get(status, status),
            page=page,
            per_page=per_page,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    def get(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_pb2.BotInstance:
        """Reads one instance.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
        """
        request = methods.GET.request(
            id=id,
        )
        return (self._get(request, timeout, headers)).bot_instance

    def update(
        self,
        id: str,
        *,
        config: Mapping[str, Any] | struct_pb2.Struct | None = None,
        params: Mapping[str, Any] | struct_pb2.Struct | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_pb2.BotInstance:
        """Changes config.yaml: keys that are given replace the present ones, null removes a key, maps are merged.

        Errors: NOT_FOUND; INVALID_ARGUMENT, also when the file on disk is not YAML.

        Args:
            id: Id of the instance.
            config: Keys of config.yaml to set; null removes.
            params: Keys of `params` to set; null removes.
        """
        request = methods.UPDATE.request(
            id=id,
            config=config,
            params=params,
        )
        return (self._update(request, timeout, headers)).bot_instance

    def delete(
        self,
        id: str,
        *,
        force: bool | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_service_pb2.DeleteBotInstanceResponse:
        """Deletes an instance with its folder, Runs, logs and artifacts.

        Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_RUN_ACTIVE unless `force` is set.

        Args:
            id: Id of the instance.
            force: Stop an active Run first and wait for its end.
        """
        request = methods.DELETE.request(
            id=id,
            force=force,
        )
        return self._delete(request, timeout, headers)

    def get_config(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpbody_pb2.HttpBody:
        """Reads config.yaml as it stands on disk.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
        """
        request = methods.GET_CONFIG.request(
            id=id,
        )
        return self._get_config(request, timeout, headers)

    def upload_cookies(
        self,
        id: str,
        *,
        file: bytes | str | Path | httpbody_pb2.HttpBody,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_service_pb2.UploadCookiesResponse:
        """Stores the cookies the browser starts with. A file that is refused leaves the previous one in place.

        Errors: NOT_FOUND; INVALID_ARGUMENT when it is neither a storage state nor a list of cookies; RESOURCE_EXHAUSTED
        with ERROR_REASON_TOO_LARGE above 5 MiB.

        Args:
            id: Id of the instance.
            file: A Playwright storage state, or a list of cookies as browser extensions export it; JSON.
        """
        request = methods.UPLOAD_COOKIES.request(
            id=id,
            file=content.body(file),
        )
        return self._upload_cookies(request, timeout, headers)

    def list_inputs(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_service_pb2.ListInputsResponse:
        """Lists the files the bot may read. Cookies are not among them.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
        """
        request = methods.LIST_INPUTS.request(
            id=id,
        )
        return self._list_inputs(request, timeout, headers)

    def put_captions(
        self,
        id: str,
        *,
        file: bytes | str | Path | httpbody_pb2.HttpBody,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_pb2.InputFile:
        """Stores the captions file: CSV in UTF-8 with a header row, at most 10 MiB.

        Errors: NOT_FOUND; INVALID_ARGUMENT; RESOURCE_EXHAUSTED with ERROR_REASON_TOO_LARGE.

        Args:
            id: Id of the instance.
            file: The CSV text.
        """
        request = methods.PUT_CAPTIONS.request(
            id=id,
            file=content.body(file),
        )
        return (self._put_captions(request, timeout, headers)).input

    def put_media(
        self,
        requests: Iterable[bot_instance_service_pb2.PutMediaRequest],
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_service_pb2.PutMediaResponse:
        """Stores a media file, at most 1 GiB. Each message carries the next bytes; the first one names the file, the last one

        says so. Nothing is stored of a file that breaks off.
        Errors: NOT_FOUND; INVALID_ARGUMENT for a name that is not a plain file name; RESOURCE_EXHAUSTED with
        ERROR_REASON_TOO_LARGE.

        Args:
            requests: The messages, in order.
        """
        return self._connection.send(methods.PUT_MEDIA, requests, timeout, headers)

    def delete_media(
        self,
        id: str,
        name: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_service_pb2.DeleteMediaResponse:
        """Removes a media file.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
            name: File name, as in PutMediaRequest.
        """
        request = methods.DELETE_MEDIA.request(
            id=id,
            name=name,
        )
        return self._delete_media(request, timeout, headers)

    def validate(
        self,
        id: str,
        *,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_service_pb2.ValidateBotInstanceResponse:
        """Starts a validation and answers at once; GetValidation shows what came of it.

        Errors: NOT_FOUND; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            id: Id of the instance.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.VALIDATE.request(
            id=id,
            request_id=request_id or new_key(),
        )
        return self._validate(request, timeout, headers)

    def complete_validation(
        self,
        id: str,
        *,
        instance_id: str,
        status: enums.BotsValidationStatus,
        error: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_service_pb2.CompleteValidationResponse:
        """Takes the verdict of a validator.

        Errors: NOT_FOUND; INVALID_ARGUMENT when `instance_id` is not the one of the path or `status` not valid or invalid.

        Args:
            id: Id of the instance, from the path.
            instance_id: The same id, from the body.
            status: VALID or INVALID.
            error: What is wrong, for INVALID.
        """
        request = methods.COMPLETE_VALIDATION.request(
            id=id,
            instance_id=instance_id,
            status=enums.BotsValidationStatus_NUMBERS.get(status, status),
            error=error,
        )
        return self._complete_validation(request, timeout, headers)

    def get_validation(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_instance_service_pb2.GetValidationResponse:
        """Reads what the last validation found.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
        """
        request = methods.GET_VALIDATION.request(
            id=id,
        )
        return self._get_validation(request, timeout, headers)

    def start(
        self,
        id: str,
        *,
        params: Mapping[str, Any] | struct_pb2.Struct | None = None,
        timeout_seconds: int | None = None,
        priority: int | None = None,
        max_attempts: int | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> run_service_pb2.StartRunResponse:
        """Starts a Run and answers at once.

        Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_RUN_ACTIVE while a Run of the instance is queued or running;
        ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            id: Id of the instance.
            params: Laid over `params` of config.yaml for this Run.
            timeout_seconds: Time allowed for one attempt, 1 to 86,400.
            priority: 0 to 20; 0 goes first.
            max_attempts: Tries when a worker is lost or the browser crashes, 1 to 10. A retry starts the steps
                anew, so what a lost attempt had posted may be posted twice.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.START.request(
            id=id,
            params=params,
            timeout_seconds=timeout_seconds,
            priority=priority,
            max_attempts=max_attempts,
            request_id=request_id or new_key(),
        )
        return self._start(request, timeout, headers)

    def stop(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> run_service_pb2.StopRunResponse:
        """Stops the active Run of an instance. A queued Run never starts; a running one is asked to end, and killed after 10 s.

        Answers at once, also when nothing runs.
        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
        """
        request = methods.STOP.request(
            id=id,
        )
        return self._stop(request, timeout, headers)

    def list_runs(
        self,
        id: str,
        *,
        limit: int | None = None,
        before: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[run_service_pb2.ListRunsResponse, run_pb2.Run]:
        """Lists the Runs of an instance, newest first.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
            limit: 1 to 1,000.
            before: Only Runs older than the one with this id.
        """
        request = methods.LIST_RUNS.method.request(
            id=id,
            limit=limit,
            before=before,
        )
        return Pages(self._connection, methods.LIST_RUNS, request, timeout, headers)

    def get_run(
        self,
        id: str,
        run_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> run_pb2.RunDetail:
        """Reads one Run.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
            run_id: Id of the Run.
        """
        request = methods.GET_RUN.request(
            id=id,
            run_id=run_id,
        )
        return (self._get_run(request, timeout, headers)).run

    def list_run_logs(
        self,
        id: str,
        run_id: str,
        *,
        after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[run_service_pb2.ListRunLogsResponse, task_pb2.LogLine]:
        """Reads stored log lines in order.

        Errors: NOT_FOUND; INVALID_ARGUMENT.

        Args:
            id: Id of the instance.
            run_id: Id of the Run.
            after: Lines behind this one: a cursor, or the `seq` of a line. Empty: from the first.
            limit: 1 to 10,000.
        """
        request = methods.LIST_RUN_LOGS.method.request(
            id=id,
            run_id=run_id,
            after=after,
            limit=limit,
        )
        return Pages(self._connection, methods.LIST_RUN_LOGS, request, timeout, headers)

    def download_run_log(
        self,
        id: str,
        run_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Download:
        """Downloads the whole log as text, one line of the file per line of the log.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
            run_id: Id of the Run.
        """
        request = methods.DOWNLOAD_RUN_LOG.request(
            id=id,
            run_id=run_id,
        )
        return Download(self._connection.stream(methods.DOWNLOAD_RUN_LOG, request, timeout, headers))

    def watch_logs(
        self,
        id: str,
        *,
        run_id: str | None = None,
        after: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[run_service_pb2.WatchLogsResponse]:
        """Follows the log of an instance: three lines that name it, then its newest Run from the first line, then live; without

        a Run it waits for one. With `after` it goes on behind that line, without the three lines. Ends with the Run.
        Changes nothing.
        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
            run_id: Only this Run. Empty: the newest, or the next one if there is none.
            after: Cursor of the last line the reader has.
        """
        request = methods.WATCH_LOGS.request(
            id=id,
            run_id=run_id,
            after=after,
        )
        return self._connection.stream(methods.WATCH_LOGS, request, timeout, headers)

    def list_artifacts(
        self,
        id: str,
        run_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> run_service_pb2.ListArtifactsResponse:
        """Lists the files a Run left.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
            run_id: Id of the Run.
        """
        request = methods.LIST_ARTIFACTS.request(
            id=id,
            run_id=run_id,
        )
        return self._list_artifacts(request, timeout, headers)

    def download_artifact(
        self,
        id: str,
        run_id: str,
        name: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Download:
        """Downloads one of them.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
            run_id: Id of the Run.
            name: Name of the artifact.
        """
        request = methods.DOWNLOAD_ARTIFACT.request(
            id=id,
            run_id=run_id,
            name=name,
        )
        return Download(self._connection.stream(methods.DOWNLOAD_ARTIFACT, request, timeout, headers))
