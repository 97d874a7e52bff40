"""The script of a machine, run by a real shell; only the machine's commands are stand-ins."""

import asyncio
import base64
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clouds.promises import SECRETS, VARIABLES, plan
from workers.environments.gcp.machine import machine_type
from workers.environments.gcp.settings import Settings, read_settings
from workers.environments.gcp.startup_script import secret_text, startup_script
from workers.environments.provider import Plan, ProviderFailed

SECRET_URL = "https://secrets.example/v1/secret:access"
# Each writes what it was called with; that of docker, what it was given besides.
NOTES = 'printf "%s\\n" "$(basename $0) $*" >> "$NOTES"\n'
COMMANDS = {
    "curl": """
case "$*" in
  *guest-attributes*) ;;
  *service-accounts*) echo '{"access_token":"ya29.token","expires_in":3599}' ;;
  *secrets.example*) cat > "$HEADER"; cat "$ANSWER" ;;
esac""",
    "docker": """
[ "$1" != "$BROKEN" ] || exit 1
[ "$1" != run ] || env > "$GIVEN"
[ "$1" != inspect ] || echo running""",
    "ssh-keyscan": """
echo '# 127.0.0.1:22 SSH-2.0-OpenSSH_9.8'
echo '127.0.0.1 ssh-ed25519 AAAAhost'
echo '127.0.0.1 ssh-rsa AAAArsa'""",
    "mountpoint": "exit 1",
    "blkid": "exit 1",
    **dict.fromkeys(["mkfs.ext4", "mount", "mkdir", "chown", "iptables", "systemd-run"], ""),
}


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in COMMANDS.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{NOTES}{body}\n")
        path.chmod(0o755)
    return folder


async def test_the_container_is_given_the_secrets_and_no_command_line_has_them(commands: Path, tmp_path: Path) -> None:
    odd = {**SECRETS, "GIT_USER_NAME": "Ann 'n' \"Bob\" $HOME `id` \\ é"}

    notes, code = await _run(replace(plan("r"), secrets=odd), commands, tmp_path)

    assert code == 0
    given = (tmp_path / "given").read_text()
    for name, value in odd.items():
        assert f"{name}={value}\n" in given
        assert value not in notes
    assert "ya29.token" not in notes
    assert (tmp_path / "header").read_text() == 'header = "Authorization: Bearer ya29.token"\n'
    for name, value in VARIABLES.items():
        assert f"--env {name}={value}" in notes
    assert "guest-attributes/switchyard/state" in notes.splitlines()[-1]
    assert "--data ready 2" in notes.splitlines()[-1]


async def test_a_container_cannot_ask_the_metadata_server(commands: Path, tmp_path: Path) -> None:
    notes, _ = await _run(plan("r"), commands, tmp_path)

    lines = notes.splitlines()
    shut = lines.index("iptables -w -I DOCKER-USER -d 169.254.169.254 -p tcp -m tcp ! --dport 53 -j REJECT")
    assert shut < next(number for number, line in enumerate(lines) if line.startswith("docker run"))


@pytest.mark.parametrize(("broken", "said"), [("pull", "failed-image"), ("run", "failed-container")])
async def test_a_failure_is_said(commands: Path, tmp_path: Path, broken: str, said: str) -> None:
    # An image that was fetched before would do.
    (commands / "docker").write_text((commands / "docker").read_text() + '\n[ "$1" != image ] || exit 1\n')

    notes, code = await _run(plan("r"), commands, tmp_path, BROKEN=broken)

    assert code == 1
    assert f"--data {said} 2" in notes.splitlines()[-1]


async def test_a_script_of_a_template_is_taken_as_it_is(commands: Path, tmp_path: Path) -> None:
    script = "echo '@READY@' \"$HOME\"; rm -rf \\\n  /tmp/x"

    notes, code = await _run(replace(plan("r"), startup_script=script), commands, tmp_path)

    assert code == 0
    assert f"--env STARTUP_SCRIPT={script}" in notes
    assert "docker exec -w /home/dev8/workspace environment" in notes


async def test_the_host_keys_are_published_before_it_is_ready(commands: Path, tmp_path: Path) -> None:
    notes, _ = await _run(plan("r"), commands, tmp_path)

    put = [line.partition("--data ")[2] for line in notes.splitlines() if "guest-attributes" in line]
    address = "http://metadata.google.internal/computeMetadata/v1/instance/guest-attributes/hostkeys"
    assert put[:2] == [f"AAAAhost {address}/ssh-ed25519", f"AAAArsa {address}/ssh-rsa"]
    assert put[2].startswith("ready ")
    assert len(put) == 3


async def test_a_machine_whose_host_keys_cannot_be_read_is_ready(commands: Path, tmp_path: Path) -> None:
    (commands / "ssh-keyscan").write_text("#!/bin/sh\nexit 1\n")

    notes, code = await _run(plan("r"), commands, tmp_path)

    assert code == 0
    assert "--data ready 2" in notes.splitlines()[-1]


async def test_an_environment_without_secrets_starts(commands: Path, tmp_path: Path) -> None:
    _, code = await _run(replace(plan("r"), secrets={}), commands, tmp_path)

    assert code == 0


# Source: https://cloud.google.com/compute/docs/general-purpose-machines#e2_custom_machine_types
@pytest.mark.parametrize(
    ("cores", "memory_gb", "name"),
    [
        (2, 4, "e2-custom-2-4096"),
        (1, 1, "e2-custom-2-1024"),
        (1, 16, "e2-custom-2-16384"),
        (3, 4, "e2-custom-4-4096"),
        (4, 1, "e2-custom-4-2048"),  # at least 0.5 GB a core
    ],
)
def test_the_smallest_type_that_is_large_enough_is_taken(cores: int, memory_gb: int, name: str) -> None:
    assert machine_type(cores, memory_gb) == name


def test_a_zone_of_the_settings_counts_for_its_own_region() -> None:
    settings = Settings("p", zone="us-central1-f")

    assert settings.zone_of("us-central1") == "us-central1-f"
    assert settings.zone_of("europe-west1") == "europe-west1-b"


def test_a_worker_without_a_project_says_what_is_missing() -> None:
    with pytest.raises(ProviderFailed, match="ENVIRONMENTS_GCP_PROJECT is not set"):
        read_settings({})


@pytest.mark.parametrize("port", ["0", "65536", "-1", "ssh"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(ProviderFailed, match="ENVIRONMENTS_GCP_SSH_PORT"):
        read_settings({"ENVIRONMENTS_GCP_PROJECT": "p", "ENVIRONMENTS_GCP_SSH_PORT": port})


async def _run(wanted: Plan, commands: Path, tmp_path: Path, **further: str) -> tuple[str, int]:
    script = startup_script(wanted, SECRET_URL, ssh_port=22)
    data = base64.b64encode(secret_text(wanted.secrets).encode()).decode()
    (tmp_path / "answer").write_text(json.dumps({"name": "x", "payload": {"data": data, "dataCrc32c": "1"}}, indent=2))
    variables: Mapping[str, str] = {
        "PATH": f"{commands}:{Path(shutil.which('bash') or '/bin/bash').parent}:/usr/bin:/bin",
        **{name.upper(): str(tmp_path / name) for name in ("notes", "given", "header", "answer")},
        **further,
    }
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, env=variables, cwd=tmp_path, stdout=-3, stderr=-3
    )
    code = await process.wait()
    return (tmp_path / "notes").read_text(), code
