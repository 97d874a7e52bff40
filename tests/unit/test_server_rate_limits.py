"""Where a server counts the requests it limits."""

import pytest

from server.main import rate_limit_storage


@pytest.mark.parametrize(
    ("redis_url", "storage"),
    [
        (None, "memory://"),
        # The Redis that comes along, for one server only.
        ("unix:///data/queue.sock?db=0", "memory://"),
        ("redis://redis.example:6379/1", "redis://redis.example:6379/1"),
        ("rediss://:password@redis.example", "rediss://:password@redis.example"),
    ],
)
def test_servers_with_one_redis_count_together(redis_url: str | None, storage: str) -> None:
    assert rate_limit_storage(redis_url) == storage
