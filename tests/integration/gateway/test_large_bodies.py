"""A large body takes time to read, most of all one that is refused. Nobody else has to wait for it."""

import asyncio

from tests.integration.gateway.fuzz.echo import Echo

# Its last element is wrong, so all of it is read, and read again to say what is wrong.
REFUSED = b'{"numbers":[' + b"1," * 1_500_000 + b'"x"]}'


async def test_small_requests_are_answered_while_a_large_one_is_read() -> None:
    echo = Echo()

    large = asyncio.create_task(echo.ask("POST", b"/body", body=REFUSED))
    await asyncio.sleep(0)
    small = await echo.ask("POST", b"/body", body=b"{}")

    assert small.status == 200
    assert not large.done()
    refusal = await large
    assert refusal.status == 400
    assert b"numbers[1500000] must be an integer" in refusal.body
