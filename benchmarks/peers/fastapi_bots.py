"""The peer of GET /api/bot-instances/{id}: FastAPI, SQLAlchemy's async ORM and aiosqlite, as its users write it."""

import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class BotInstance(Base):
    __tablename__ = "bot_instances"

    id: Mapped[str] = mapped_column(primary_key=True)
    owner_type: Mapped[str]
    owner_id: Mapped[str]
    bot_code: Mapped[str]
    status: Mapped[str]
    config_path: Mapped[str]
    validation_status: Mapped[str | None]
    last_validated_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class BotInstanceOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    owner_type: str
    owner_id: str
    bot_code: str
    status: str
    config_path: str
    validation_status: str | None
    last_validated_at: datetime | None
    created_at: datetime
    updated_at: datetime


def make_app(path: str) -> FastAPI:
    """The app over one SQLite file, with one instance whose id is printed."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        now = datetime.now(UTC)
        async with sessions() as session:
            instance = BotInstance(
                id=str(uuid.UUID(int=1)),
                owner_type="user",
                owner_id="dev-user-123",
                bot_code="noop",
                status="inactive",
                config_path="/data/tenants/user-dev-user-123/bots/config.yaml",
                validation_status=None,
                last_validated_at=None,
                created_at=now,
                updated_at=now,
            )
            session.add(instance)
            await session.commit()
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    async def session() -> AsyncIterator[AsyncSession]:
        async with sessions() as opened:
            yield opened

    @app.get("/api/bot-instances/{instance_id}", response_model=BotInstanceOut)
    async def get_instance(instance_id: str, session: Annotated[AsyncSession, Depends(session)]) -> BotInstance:
        instance = await session.get(BotInstance, instance_id)
        if instance is None:
            raise HTTPException(404, "Bot instance not found")
        return instance

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
