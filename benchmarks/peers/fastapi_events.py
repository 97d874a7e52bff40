"""The peer of POST /api/events: FastAPI, SQLAlchemy's async ORM and aiosqlite, a commit per request.

As its users write it: the session is looked up, the event is added, its number is read back after the commit.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import JSON, ForeignKey
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class BrowserSession(Base):
    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    profile_id: Mapped[str]
    start_time: Mapped[datetime]


class SessionEvent(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"), index=True)
    event_type: Mapped[str] = mapped_column(index=True)
    timestamp: Mapped[datetime]
    details: Mapped[dict[str, Any]] = mapped_column(JSON)


class EventIn(BaseModel):
    session_id: str = Field(max_length=128)
    event_type: str = Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")
    details: dict[str, Any] = {}


class Logged(BaseModel):
    status: str
    event_id: int


def make_app(path: str) -> FastAPI:
    """The app over one SQLite file, with the one session "s-1"."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", connect_args={"timeout": 30})
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with sessions() as session:
            session.add(BrowserSession(id="s-1", profile_id="p", start_time=datetime.now(UTC)))
            await session.commit()
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    async def session() -> AsyncIterator[AsyncSession]:
        async with sessions() as opened:
            yield opened

    @app.get("/api/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.post("/api/events", response_model=Logged)
    async def log_event(event: EventIn, session: Annotated[AsyncSession, Depends(session)]) -> Logged:
        if await session.get(BrowserSession, event.session_id) is None:
            raise HTTPException(404, "Session not found")
        stored = SessionEvent(**event.model_dump(), timestamp=datetime.now(UTC))
        session.add(stored)
        await session.commit()
        return Logged(status="logged", event_id=stored.id)

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
