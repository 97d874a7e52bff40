"""Two whole servers over one Postgres, one Valkey and one data folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from server.fan_out.redis_fan_out import RedisFanOut
from tests.integration.database.databases import database_url
from tests.integration.fan_out.joined import until
from tests.integration.orchestrator.serving import Site, serving


@dataclass(frozen=True)
class Two:
    """The servers, and what carries messages between them."""

    one: Site
    other: Site

    @property
    def fan_outs(self) -> list[RedisFanOut]:
        """That of each."""
        return [site.kernel.changes._fan_out for site in (self.one, self.other)]  # type: ignore[misc]

    async def met(self) -> None:
        """Wait until each hears the other."""
        await until(lambda: all(not one.deaf and not one.alone for one in self.fan_outs))

    async def apart(self) -> None:
        """Wait until neither hears the other."""
        await until(lambda: all(one.deaf for one in self.fan_outs))


@asynccontextmanager
async def two_servers(folder: Path, redis_url: str) -> AsyncIterator[Two]:
    """Serve by two servers that hear one another."""
    data_dir, url = folder / "data", database_url("postgresql", folder)
    async with (
        serving(data_dir, url=url, REDIS_URL=redis_url, SESSION_WAIT_SECONDS="5") as one,
        serving(data_dir, url=url, REDIS_URL=redis_url, SESSION_WAIT_SECONDS="5") as other,
    ):
        two = Two(one, other)
        await two.met()
        yield two
