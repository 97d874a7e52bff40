"""How the robot for other machines keeps its credential: in a file of its own, rotated in time."""

import os
import stat
import time
from pathlib import Path

import pytest

from switchyard.orchestrator.v1 import fleet_service_pb2 as fleet_pb
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from tests.integration.orchestrator.robots.fleet import Fleet
from workers.robot import credential
from workers.robot.settings import MODES, Settings
from workers.server_link import Refused, ServerLink


def settings(fleet: Fleet, folder: Path, *, token: str | None = None, key: str | None = None) -> Settings:
    return Settings(fleet.site.address, "r1", folder, MODES["both"], 1, token, key)


async def enrolled(fleet: Fleet, folder: Path, link: ServerLink) -> Settings:
    """Enrol the robot r1 and return its settings."""
    answer = await fleet.fleet.CreateEnrolment(fleet_pb.CreateEnrolmentRequest(), metadata=fleet.site.admin)
    own = settings(fleet, folder, key=answer.enrolment_key)
    await credential.admit(link, own)
    return own


async def register(link: ServerLink) -> None:
    await link.call(link.robots.RegisterRobot, pb.RegisterRobotRequest(robot_id="r1"))


async def test_a_token_is_kept_for_its_owner_alone_and_used_again(fleet: Fleet, tmp_path: Path) -> None:
    folder = tmp_path / "robot"
    async with ServerLink(fleet.site.address, "") as link:
        own = await enrolled(fleet, folder, link)
        await register(link)
    async with ServerLink(fleet.site.address, "") as link:
        await credential.admit(link, own)
        await register(link)

    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["token"]


async def test_a_rotated_token_takes_the_place_of_the_old_one(fleet: Fleet, tmp_path: Path) -> None:
    async with ServerLink(fleet.site.address, "") as link, ServerLink(fleet.site.address, "") as other:
        own = await enrolled(fleet, tmp_path, link)
        await register(link)
        old = (tmp_path / "token").read_text().strip()

        await credential.rotate(link, own)
        await register(link)

        assert (tmp_path / "token").read_text().strip() != old
        other.use(old)
        with pytest.raises(Refused, match="Invalid or expired API token"):
            await register(other)


async def test_an_old_token_is_rotated_by_itself_and_a_young_one_is_not(fleet: Fleet, tmp_path: Path) -> None:
    async with ServerLink(fleet.site.address, "") as link:
        own = await enrolled(fleet, tmp_path, link)
        young = (tmp_path / "token").read_text()
        await credential.rotate_if_old(link, own)
        kept = (tmp_path / "token").read_text()
        past = time.time() - credential.ROTATE_SECONDS - 1
        os.utime(tmp_path / "token", (past, past))

        await credential.rotate_if_old(link, own)

    assert kept == young
    assert (tmp_path / "token").read_text() != young


async def test_a_robot_without_token_and_key_is_told_so(fleet: Fleet, tmp_path: Path) -> None:
    async with ServerLink(fleet.site.address, "") as link:
        with pytest.raises(credential.CredentialMissing):
            await credential.admit(link, settings(fleet, tmp_path))
