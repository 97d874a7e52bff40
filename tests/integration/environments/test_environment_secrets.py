"""Secrets of environments: in no answer, no list, no file of ours as they are."""

from pathlib import Path

import pytest

from tests.integration.environments.serving import BODY, PATH, Worker
from tests.integration.orchestrator.serving import Site

SECRETS = {
    "githubToken": "ghp_secret-1",
    "gitUserName": "John secret-2",
    "gitUserEmail": "secret-3@example.com",
    "sshPublicKey": "ssh-ed25519 AAAAsecret4 john",
    "codeServerPassword": "secret-5-password",
    "anthropicApiKey": "sk-ant-secret-6",
    "openaiApiKey": "sk-proj-secret-7",
    "geminiApiKey": "AIza-secret-8",
}


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def test_no_secret_is_answered_stored_or_logged_as_it_is(
    site: Site, worker: Worker, capfd: pytest.CaptureFixture[str]
) -> None:
    made = await site.http.post(PATH, json=BODY | SECRETS, headers={"idempotency-key": "k-1"})
    environment_id = made.json()["environment"]["id"]
    await worker.work()
    answers = [
        made.text,
        (await site.http.get(f"{PATH}/{environment_id}")).text,
        (await site.http.get(PATH)).text,
        (await site.http.get(f"/api/tasks/{made.json()['environment']['taskId']}")).text,
    ]

    stored, printed = everything_in(site.data_dir), "".join(capfd.readouterr())

    for secret in SECRETS.values():
        assert secret.encode() not in stored, secret
        assert secret not in printed, secret
        assert not [answer for answer in answers if secret in answer], secret


async def test_a_password_that_was_made_is_told_once_and_stored_nowhere_as_it_is(site: Site) -> None:
    made = (await site.http.post(PATH, json=BODY, headers={"idempotency-key": "k-1"})).json()

    password = made["generatedPassword"]

    assert len(password) >= 20
    assert password not in (await site.http.get(f"{PATH}/{made['environment']['id']}")).text
    assert password.encode() not in everything_in(site.data_dir)
