"""Who is called for a job, and in which order."""

import asyncio

import pytest

from server.orchestrator.robots.waiting_room import Call, Place, Taste, WaitingRoom

LAN = Taste(("lan",), "")
BOTH = Taste(("lan", "internet"), "")
OF_ACME = Taste(("lan",), "acme")
JOB = Call("lan", "")
JOB_OF_ACME = Call("lan", "acme")


@pytest.fixture
def room() -> WaitingRoom:
    return WaitingRoom()


class Robot:
    """Waits in a room, and notes what it was called for."""

    def __init__(self, room: WaitingRoom, taste: Taste = LAN, *, seconds: float = 60) -> None:
        self.calls: list[Call | None] = []
        self.place: Place | None = None
        self._room = room
        self._taste = taste
        self._seconds = seconds
        self.task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        with self._room.place(self._taste) as self.place:
            self.calls.append(await self._room.wait(self.place, self._seconds))

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def turn() -> None:
    """Let everybody who can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_job_wakes_one_robot_the_one_that_has_waited_longest(room: WaitingRoom) -> None:
    robots = [Robot(room) for _ in range(3)]
    await turn()

    room.call(JOB)
    await turn()

    assert [robot.calls for robot in robots] == [[JOB], [], []]
    await asyncio.gather(*(robot.leave() for robot in robots))


async def test_as_many_robots_are_woken_as_there_are_jobs(room: WaitingRoom) -> None:
    robots = [Robot(room) for _ in range(4)]
    await turn()

    room.call(JOB, 3)
    await turn()

    assert [len(robot.calls) for robot in robots] == [1, 1, 1, 0]
    await robots[3].leave()


async def test_a_call_that_nobody_is_there_for_says_so(room: WaitingRoom) -> None:
    with room.place(LAN):
        assert [room.call(Call("internet", "")), room.call(JOB), room.call(JOB)] == [False, True, False]


async def test_a_job_is_for_those_who_take_it(room: WaitingRoom) -> None:
    acme, internet, both = Robot(room, OF_ACME), Robot(room, Taste(("internet",), "")), Robot(room, BOTH)
    await turn()

    room.call(JOB)
    await turn()
    room.call(JOB_OF_ACME)
    await turn()

    assert (acme.calls, internet.calls, both.calls) == ([JOB_OF_ACME], [], [JOB])
    await internet.leave()


async def test_whoever_waited_longest_is_called_whatever_else_it_takes(room: WaitingRoom) -> None:
    first, second = Robot(room, BOTH), Robot(room, LAN)
    await turn()

    room.call(JOB)
    await turn()

    assert (first.calls, second.calls) == ([JOB], [])
    await second.leave()


async def test_a_robot_that_found_nothing_keeps_its_place(room: WaitingRoom) -> None:
    with room.place(LAN) as early, room.place(LAN), room.place(LAN) as late:
        room.call(JOB, 3)
        for place in (late, early):
            assert await room.wait(place, 0) == JOB

        room.call(JOB)

        assert early.called.is_set()
        assert not late.called.is_set()


async def test_a_call_that_comes_while_a_robot_looks_is_not_lost(room: WaitingRoom) -> None:
    with room.place(LAN) as place:
        room.call(JOB)

        assert await room.wait(place, 60) == JOB


async def test_the_call_of_a_robot_that_leaves_is_for_the_next(room: WaitingRoom) -> None:
    leaving, staying = Robot(room), Robot(room)
    await turn()
    room.call(JOB)

    await leaving.leave()
    await turn()

    assert staying.calls == [JOB]


async def test_whoever_comes_later_goes_behind_those_who_found_nothing(room: WaitingRoom) -> None:
    waiting = Robot(room)
    await turn()

    with room.place(LAN) as place, room.place(BOTH) as other:
        assert room.anybody_before(place)
        assert not room.anybody_before(other)
    await waiting.leave()


async def test_those_who_are_looking_hold_nobody_up(room: WaitingRoom) -> None:
    with room.place(LAN), room.place(LAN) as place:
        assert not room.anybody_before(place)


async def test_nobody_is_called_when_the_time_is_over(room: WaitingRoom) -> None:
    robot = Robot(room, seconds=0)

    await robot.task

    assert robot.calls == [None]
    assert room.waiting() == {}


async def test_closing_sends_everybody_home(room: WaitingRoom) -> None:
    robot = Robot(room)
    await turn()

    room.close()
    late = Robot(room)
    await asyncio.gather(robot.task, late.task)

    assert (robot.calls, late.calls) == ([None], [None])
    assert room.closed
