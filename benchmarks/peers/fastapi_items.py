"""The peer in FastAPI and pydantic, as its users write it."""

from datetime import UTC, datetime
from enum import StrEnum

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers.items import LISTED


class State(StrEnum):
    UNSPECIFIED = "STATE_UNSPECIFIED"
    RUNNING = "STATE_RUNNING"


class Item(BaseModel):
    id: str = ""
    name: str = ""
    count: int = 0
    size_bytes: int = 0
    ratio: float = 0.0
    enabled: bool = False
    state: State = State.UNSPECIFIED
    tags: list[str] = []
    create_time: datetime | None = None
    owner: str = ""
    label: str = ""
    note: str = ""


class Items(BaseModel):
    items: list[Item]


def sample(number: int) -> Item:
    """The same item the service has under this number."""
    return Item(
        id=f"item-{number}",
        name="A name of it",
        count=number,
        size_bytes=2**40 + number,
        ratio=0.25,
        enabled=True,
        state=State.RUNNING,
        tags=["first", "second"],
        create_time=datetime.fromtimestamp(1_700_000_000 + number, UTC),
        owner="somebody",
        label="a label",
        note="something worth a note",
    )


def make_app() -> FastAPI:
    """The application."""
    app = FastAPI()
    everything = Items(items=[sample(number) for number in range(1, LISTED + 1)])

    @app.post("/v1/items/{item_id}")
    async def update_item(item_id: str, item: Item) -> Item:
        item.id = item_id
        item.count += 1
        return item

    @app.get("/v1/items")
    async def list_items() -> Items:
        return everything

    return app
