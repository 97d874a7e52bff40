"""Copies of workflows as files: written behind the answer, made up for at the next start."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.orchestrator.workflows.workflow_copies import WorkflowCopies
from tests.integration.orchestrator.serving import Site, serving
from tests.integration.orchestrator.workflows.parts import FILE, publish, submitted


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not reached():
            await asyncio.sleep(0.01)


def contents(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


async def test_a_copy_follows_its_workflow(ready: Site) -> None:
    folder = ready.config.workflows_dir
    workflow_id = (await submitted(ready, metadata={"description": "d"}))["workflow_id"]
    path = folder / f"{workflow_id}.json"

    await until(path.exists)
    assert json.loads(path.read_text()) | {"created_at": "", "updated_at": ""} == {
        "workflow_id": workflow_id,
        "workflow_name": "My Workflow",
        "description": "d",
        "version": 1,
        "created_at": "",
        "updated_at": "",
        "workflow_json": FILE,
    }
    await ready.http.patch(f"/api/v1/workflows/{workflow_id}", json={"workflow_name": "New"})
    await until(lambda: json.loads(path.read_text())["workflow_name"] == "New")
    await ready.http.delete(f"/api/v1/workflows/{workflow_id}")
    await until(lambda: not path.exists())
    assert list(folder.iterdir()) == []


async def test_a_copy_can_be_uploaded_again(ready: Site) -> None:
    workflow_id = (await submitted(ready))["workflow_id"]
    path = ready.config.workflows_dir / f"{workflow_id}.json"
    await until(path.exists)

    answer = await ready.http.post("/api/v1/workflows/upload?filename=x.json", content=path.read_bytes())

    assert answer.status_code == 200, answer.text
    found = (await ready.http.get(f"/api/v1/workflows/{answer.json()['workflow_id']}")).json()
    assert (found["workflow_name"], found["node_count"]) == ("My Workflow", 2)


async def test_a_start_makes_up_for_what_was_missed(ready: Site, tmp_path: Path) -> None:
    ids = [(await submitted(ready, workflow_name=str(number)))["workflow_id"] for number in range(4)]
    await ready.http.delete(f"/api/v1/workflows/{ids[0]}")
    folder = tmp_path / "copies"
    folder.mkdir()
    for name in (f"{ids[0]}.json", f"{ids[1]}.json", "theirs.json", f"{ids[2]}.json.part"):
        (folder / name).write_text('"old"')

    task = asyncio.create_task(WorkflowCopies(ready.database, folder).run())
    await until(lambda: contents(folder).keys() == {*ids[1:], "theirs"} and contents(folder)[ids[1]] != "old")
    await until(lambda: ids[3] in contents(folder))

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    # A file of somebody else is none of ours.
    assert contents(folder)["theirs"] == "old"
    assert [contents(folder)[workflow_id]["workflow_name"] for workflow_id in ids[1:]] == ["1", "2", "3"]
    assert not list(folder.glob("*.part"))


async def test_a_start_leaves_alone_what_is_up_to_date(ready: Site) -> None:
    workflow_id = (await submitted(ready))["workflow_id"]
    path = ready.config.workflows_dir / f"{workflow_id}.json"
    await until(path.exists)
    before = path.stat()

    again = WorkflowCopies(ready.database, ready.config.workflows_dir)
    task = asyncio.create_task(again.run())
    later = (await submitted(ready))["workflow_id"]
    again.changed(later)
    await until((ready.config.workflows_dir / f"{later}.json").exists)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert path.stat().st_ino == before.st_ino


async def test_a_copy_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", WORKFLOWS_DIR=str(tmp_path / "copies")) as site:
        await publish(site)
        (tmp_path / "copies").write_text("no folder")
        answer = await submitted(site)
        await submitted(site)
        (tmp_path / "copies").unlink()
        third = await submitted(site)
        await until((tmp_path / "copies" / f"{third['workflow_id']}.json").exists)

    assert answer["status"] == "success"


async def test_no_copies_are_kept_when_nobody_wants_them(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", WORKFLOW_BACKUP_ENABLED="false") as site:
        await publish(site)
        await submitted(site)

        assert not site.config.workflows_dir.exists()


async def test_more_changes_than_can_wait_are_found_by_comparing(ready: Site, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    copies = WorkflowCopies(ready.database, folder, waiting_limit=1)
    task = asyncio.create_task(copies.run())
    ids = [(await submitted(ready))["workflow_id"] for _ in range(3)]
    for workflow_id in ids:
        copies.changed(workflow_id)

    await until(lambda: contents(folder).keys() == set(ids))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
