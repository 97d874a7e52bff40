"""The page for people, in a real browser: log in, see the fleet, run a workflow, watch its job."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.end_to_end.system import System
from workers.chromium import find

PASSWORD = "a password of the admin"
WORKFLOW = {
    "workflow_name": "<b>Daily</b> report",
    "workflow_json": {
        "nodes": [{"id": "start", "type": "StartNode"}, {"id": "end", "type": "EndNode"}],
        "connections": [],
    },
    # Nobody takes it, so the job is seen to wait.
    "execution_mode": "internet",
    "trigger_type": "webhook",
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), {"ADMIN_PASSWORD": PASSWORD}) as system:
        system.start_server()
        login = system.client.post("/api/v1/auth/login", json={"username": "admin", "password": PASSWORD}).json()
        headers = {"Authorization": f"Bearer {login['access_token']}"}
        system.client.post("/api/v1/workflows", json=WORKFLOW, headers=headers).raise_for_status()
        yield system


@pytest.fixture
def page(system: System) -> Iterator[Page]:
    """A page that fails the test if a script of it fails."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(os.environ))
        page = browser.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{system.url}/console")
        yield page
        browser.close()
    assert faults == []


def log_in(page: Page) -> None:
    page.get_by_label("User").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()


def test_a_wrong_password_is_told_and_shows_nothing(page: Page) -> None:
    page.get_by_label("User").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()

    expect(page.get_by_role("alert")).to_have_text("Invalid username or password")
    expect(page.get_by_role("navigation")).to_be_hidden()


def test_a_workflow_is_run_and_its_job_is_seen_to_wait_and_to_end(page: Page) -> None:
    log_in(page)
    page.get_by_role("link", name="Workflows").click()
    # Names are text, whatever they look like.
    expect(page.get_by_role("cell", name="<b>Daily</b> report")).to_be_visible()

    page.get_by_role("button", name="Run").click()
    expect(page.locator(".state.pending")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()

    expect(page.locator(".state.cancelled")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


@pytest.mark.parametrize("view", ["Fleet", "Jobs", "Schedules", "Robots", "Bots", "Sessions", "Proxies"])
def test_every_view_shows_itself_without_a_fault(page: Page, view: str) -> None:
    log_in(page)

    page.get_by_role("link", name=view, exact=True).click()

    heading = {"Sessions": "Browser sessions"}.get(view, view)
    expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text=" ")).to_have_count(0)


def test_a_login_that_was_ended_elsewhere_leads_back_to_the_form(page: Page) -> None:
    log_in(page)
    page.evaluate(
        "sessionStorage.setItem('switchyard.tokens', JSON.stringify({access_token: 'x', refresh_token: 'y'}))"
    )

    page.get_by_role("link", name="Jobs").click()

    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_only_files_of_the_page_are_served(system: System) -> None:
    for name in ("..%2F__init__.py", "console_service.py", "%2e%2e", "nothing.js"):
        assert system.client.get(f"/console/{name}").status_code == 404
