"""The peer of the orchestrator's GETs: FastAPI, SQLAlchemy's async ORM and aiosqlite, with tokens.

As its users write it.
"""

import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = "peer" * 10
JOBS = 1_000


class Base(DeclarativeBase):
    pass


class Workflow(Base):
    __tablename__ = "workflows"

    workflow_id: Mapped[str] = mapped_column(primary_key=True)
    workflow_name: Mapped[str]
    workflow_json: Mapped[dict[str, Any]] = mapped_column(JSON)
    version: Mapped[int]
    description: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Job(Base):
    __tablename__ = "jobs"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    workflow_id: Mapped[str] = mapped_column(ForeignKey("workflows.workflow_id"), index=True)
    workflow_name: Mapped[str]
    robot_id: Mapped[str | None] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    completed_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None]


class WorkflowOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    workflow_id: str
    workflow_name: str
    workflow_json: dict[str, Any]
    version: int
    description: str | None
    created_at: datetime
    updated_at: datetime


class JobOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    job_id: str
    workflow_id: str
    workflow_name: str
    robot_id: str | None
    status: str
    created_at: datetime
    completed_at: datetime | None
    duration_ms: int | None


def token() -> str:
    """A token that the peer takes."""
    return jwt.encode({"sub": "admin", "exp": datetime.now(UTC) + timedelta(hours=1)}, SECRET, algorithm="HS256")


def caller(sent: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    """Who calls."""
    try:
        return str(jwt.decode(sent.credentials, SECRET, algorithms=["HS256"])["sub"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "Invalid authentication token") from error


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with request.app.state.sessions() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(open_session)]
Caller = Annotated[str, Depends(caller)]


def rows(workflow_json: dict[str, Any]) -> list[Base]:
    """One workflow and its jobs."""
    now = datetime.now(UTC)
    workflow_id = str(uuid.UUID(int=1))
    times = {"created_at": now, "updated_at": now}
    workflow = Workflow(
        workflow_id=workflow_id,
        workflow_name="Report",
        workflow_json=workflow_json,
        version=1,
        description=None,
        **times,
    )
    jobs = [
        Job(
            job_id=str(uuid.UUID(int=number)),
            workflow_id=workflow_id,
            workflow_name="Report",
            robot_id="r1",
            status="completed",
            created_at=now,
            completed_at=now,
            duration_ms=1500,
        )
        for number in range(JOBS)
    ]
    return [workflow, *jobs]


def make_app(path: str, workflow_json: dict[str, Any]) -> FastAPI:
    """The app over one SQLite file."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with sessions() as session:
            session.add_all(rows(workflow_json))
            await session.commit()
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.state.sessions = sessions

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.get("/api/v1/workflows/{workflow_id}", response_model=WorkflowOut)
    async def get_workflow(workflow_id: str, session: Session, _: Caller) -> Workflow:
        workflow = await session.get(Workflow, workflow_id)
        if workflow is None:
            raise HTTPException(404, f"Workflow not found: {workflow_id}")
        return workflow

    @app.get("/api/v1/metrics/jobs", response_model=list[JobOut])
    async def list_jobs(session: Session, _: Caller, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> Sequence[Job]:
        return (await session.scalars(select(Job).order_by(Job.created_at.desc()).limit(limit))).all()

    @app.get("/api/v1/metrics/jobs/{job_id}", response_model=JobOut)
    async def get_job(job_id: str, session: Session, _: Caller) -> Job:
        job = await session.get(Job, job_id)
        if job is None:
            raise HTTPException(404, f"Job {job_id} not found")
        return job

    return app


if __name__ == "__main__":
    from benchmarks.workflow_submits import WORKFLOW

    app = make_app(sys.argv[2], dict(WORKFLOW["workflow_json"]))  # type: ignore[call-overload]
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
