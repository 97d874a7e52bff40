"""The credential of a robot: given, or got by enrolment, kept in a file that nobody else can read, and rotated."""

import asyncio
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import grpc
import structlog

from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from workers.robot.settings import Settings
from workers.server_link import Refused, ServerLink

FILE_NAME: Final = "token"
# Of the 90 days a token is good for, so that a robot that is switched off for two months finds its way back.
ROTATE_SECONDS: Final = 30 * 86_400
LOOK_SECONDS: Final = 3_600.0

log: Final = structlog.get_logger(__name__)


class CredentialMissing(Exception):
    """There is neither a token nor a key to get one."""


class Kept(NamedTuple):
    """A token, and when it was stored, in seconds since the epoch."""

    token: str
    store_time: float


async def admit(link: ServerLink, settings: Settings) -> None:
    """Give `link` the credential of this robot; enrol if there is none yet.

    Raises:
        CredentialMissing: there is no credential and no key.
        Refused: the server does not take the key.
    """
    kept = read_token(settings.folder)
    if settings.token is not None:
        link.use(settings.token)
    elif kept is not None:
        link.use(kept.token)
    elif settings.enrolment_key is not None:
        request = pb.EnrolRobotRequest(enrolment_key=settings.enrolment_key, robot_id=settings.robot_id)
        # Not repeated by itself: a key whose answer was lost is used up.
        response = await link.once(link.robots.EnrolRobot, request)
        store_token(settings.folder, response.robot_token)
        link.use(response.robot_token)
        log.info("enrolled; the token is kept", folder=str(settings.folder))
    else:
        raise CredentialMissing("a robot needs --token, or --enrolment-key the first time")


async def rotate_by_time(link: ServerLink, settings: Settings) -> None:
    """Exchange the token that is kept for a new one whenever it is old, until cancelled. One that was given stays."""
    while True:
        if settings.token is None:
            await rotate_if_old(link, settings)
        await asyncio.sleep(LOOK_SECONDS)


async def rotate_if_old(link: ServerLink, settings: Settings) -> None:
    """Exchange the token that is kept for a new one if it is old."""
    kept = read_token(settings.folder)
    if kept is not None and time.time() - kept.store_time > ROTATE_SECONDS:
        await rotate(link, settings)


async def rotate(link: ServerLink, settings: Settings) -> None:
    """Exchange the token that is kept for a new one.

    The old one is good until the new one is used, so whatever happens in between there is a good one in the file.
    """
    try:
        response = await link.call(link.robots.RotateRobotToken, pb.RotateRobotTokenRequest(robot_id=settings.robot_id))
    except Refused as refusal:
        if refusal.code != grpc.StatusCode.FAILED_PRECONDITION:
            raise
        log.info("the token did not come from an enrolment and stays as it is")
        return
    store_token(settings.folder, response.robot_token)
    link.use(response.robot_token)
    log.info("the token was rotated")


def read_token(folder: Path) -> Kept | None:
    """Return the token that is kept, None when there is none."""
    path = folder / FILE_NAME
    with suppress(FileNotFoundError):
        token = path.read_text(encoding="ascii").strip()
        return Kept(token, path.stat().st_mtime) if token else None
    return None


def store_token(folder: Path, token: str) -> None:
    """Keep a token: for us alone, and whole or not at all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Readable by its owner only from its first moment on.
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{FILE_NAME}-")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(folder / FILE_NAME)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
