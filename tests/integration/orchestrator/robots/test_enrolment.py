"""Keys by which robots enrol, and their tokens: good for one robot, kept as hashes, rotated."""

import hashlib
from typing import Any

import grpc
import sqlalchemy as sa

from server.clock import SECOND
from server.orchestrator.tables import ROBOT_ENROLMENTS, ROBOT_TOKENS
from switchyard.orchestrator.v1 import fleet_service_pb2 as fleet_pb
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from tests.integration.orchestrator.robots.fleet import Fleet
from tests.integration.orchestrator.serving import Metadata, refused

INVALID = (grpc.StatusCode.UNAUTHENTICATED, "Invalid or expired API token")
DAY = 86_400 * SECOND


async def make_key(fleet: Fleet, *, metadata: Metadata | None = None, **fields: Any) -> str:
    request = fleet_pb.CreateEnrolmentRequest(**fields)
    answer = await fleet.fleet.CreateEnrolment(request, metadata=metadata or fleet.site.admin)
    return str(answer.enrolment_key)


async def enrol(fleet: Fleet, key: str, robot_id: str = "r1") -> str:
    answer = await fleet.robots.EnrolRobot(pb.EnrolRobotRequest(enrolment_key=key, robot_id=robot_id))
    return str(answer.robot_token)


async def rotate(fleet: Fleet, token: str, robot_id: str = "r1") -> str:
    answer = await fleet.robots.RotateRobotToken(pb.RotateRobotTokenRequest(robot_id=robot_id), metadata=by(token))
    return str(answer.robot_token)


def by(token: str) -> Metadata:
    return (("x-api-token", token),)


async def works(fleet: Fleet, token: str, robot_id: str = "r1") -> bool:
    try:
        await fleet.register(robot_id, metadata=by(token))
    except grpc.aio.AioRpcError as error:
        if (error.code(), error.details()) != INVALID:
            raise
        return False
    return True


async def test_a_key_is_good_for_one_token(fleet: Fleet) -> None:
    key = await make_key(fleet)

    token = await enrol(fleet, key)

    assert await works(fleet, token)
    assert await refused(enrol(fleet, key, "r2")) == INVALID


async def test_neither_keys_nor_tokens_are_kept_as_they_are(fleet: Fleet) -> None:
    key, unused = await make_key(fleet), await make_key(fleet)
    token = await enrol(fleet, key)

    def kept(connection: sa.Connection) -> list[Any]:
        return [*connection.execute(sa.select(ROBOT_TOKENS)), *connection.execute(sa.select(ROBOT_ENROLMENTS))]

    rows = str(await fleet.site.database.scan(kept))
    assert hashlib.sha256(token.encode()).hexdigest() in rows
    assert not any(secret in rows for secret in (key, unused, token))


async def test_a_key_ends_with_its_time(fleet: Fleet) -> None:
    key = await make_key(fleet, expires_in_minutes=1)
    fleet.site.clock.ahead += 61 * SECOND

    assert await refused(enrol(fleet, key)) == INVALID


async def test_a_key_for_one_robot_is_for_no_other_and_stays_good(fleet: Fleet) -> None:
    key = await make_key(fleet, robot_id="r1")

    code, _ = await refused(enrol(fleet, key, "r2"))

    assert code == grpc.StatusCode.PERMISSION_DENIED
    assert await works(fleet, await enrol(fleet, key))


async def test_a_key_for_any_robot_takes_nobodys_place(fleet: Fleet) -> None:
    await fleet.register("r1")
    key = await make_key(fleet)

    code, _ = await refused(enrol(fleet, key, "r1"))

    assert code == grpc.StatusCode.ALREADY_EXISTS
    assert await works(fleet, await enrol(fleet, key, "r2"), "r2")


async def test_a_robot_that_enrols_again_loses_its_earlier_token(fleet: Fleet) -> None:
    old = await enrol(fleet, await make_key(fleet, robot_id="r1"))
    new = await enrol(fleet, await make_key(fleet, robot_id="r1"))

    assert (await works(fleet, old), await works(fleet, new)) == (False, True)


async def test_a_token_speaks_for_its_own_robot_and_opens_nothing_else(fleet: Fleet) -> None:
    token = await enrol(fleet, await make_key(fleet))
    listing = fleet.fleet.ListRobots(fleet_pb.ListRobotsRequest(), metadata=by(token))

    assert (await refused(fleet.register("r2", metadata=by(token))))[0] == grpc.StatusCode.PERMISSION_DENIED
    assert (await refused(listing))[0] == grpc.StatusCode.PERMISSION_DENIED


async def test_a_token_ends_after_ninety_days(fleet: Fleet) -> None:
    token = await enrol(fleet, await make_key(fleet))
    fleet.site.clock.ahead += 90 * DAY - SECOND * 60
    before = await works(fleet, token)
    fleet.site.clock.ahead += SECOND * 120

    assert (before, await works(fleet, token)) == (True, False)


async def test_the_old_token_is_good_until_the_new_one_is_used(fleet: Fleet) -> None:
    old = await enrol(fleet, await make_key(fleet))
    await works(fleet, old)
    new = await rotate(fleet, old)

    before = await works(fleet, old)
    first = await works(fleet, new)

    assert (before, first, await works(fleet, old)) == (True, True, False)


async def test_the_old_token_is_good_for_an_hour_at_most(fleet: Fleet) -> None:
    old = await enrol(fleet, await make_key(fleet))
    await works(fleet, old)
    new = await rotate(fleet, old)
    fleet.site.clock.ahead += 3_601 * SECOND

    assert (await works(fleet, old), await works(fleet, new)) == (False, True)


async def test_an_answer_to_a_rotation_may_be_lost(fleet: Fleet) -> None:
    old = await enrol(fleet, await make_key(fleet))
    await works(fleet, old)
    lost = await rotate(fleet, old)

    new = await rotate(fleet, old)

    assert (await works(fleet, lost), await works(fleet, new)) == (False, True)


async def test_who_has_no_enrolled_token_has_none_to_rotate(fleet: Fleet) -> None:
    await fleet.register("r1")
    call = fleet.robots.RotateRobotToken(pb.RotateRobotTokenRequest(robot_id="r1"), metadata=fleet.site.admin)

    assert (await refused(call))[0] == grpc.StatusCode.FAILED_PRECONDITION


async def test_removing_a_robot_ends_its_tokens_and_the_keys_for_it(fleet: Fleet) -> None:
    token, key = await enrol(fleet, await make_key(fleet)), await make_key(fleet, robot_id="r1")
    await works(fleet, token)

    await fleet.delete("r1")

    assert not await works(fleet, token)
    assert await refused(enrol(fleet, key)) == INVALID


async def test_a_robot_belongs_to_the_tenant_of_its_key(fleet: Fleet) -> None:
    acme = tuple((await fleet.site.bearer("admin", tenant="acme")).items())
    token = await enrol(fleet, await make_key(fleet, metadata=acme))
    await fleet.register("r1", metadata=by(token))
    other = fleet.fleet.CreateEnrolment(fleet_pb.CreateEnrolmentRequest(tenant_id="other"), metadata=acme)

    assert (await fleet.statuses())["r1"].tenant == "acme"
    assert (await refused(other))[0] == grpc.StatusCode.INVALID_ARGUMENT
