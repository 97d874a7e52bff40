"""What a machine does each time it starts: mount the disk, read the secret, run the container, tell how that went.

Pure. No secret is in here: the script stands in the machine's metadata, which many may read.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Final

from workers.environments.gcp import names
from workers.environments.provider import IDE_PORT, SSH_PORT, WORKSPACE, Plan

# Where the machine tells how far it is, and what it says, followed by the time.
# Source: https://cloud.google.com/compute/docs/metadata/manage-guest-attributes
STATE_PATH: Final = "switchyard/state"
READY: Final = "ready"
FAILURES: Final[Mapping[str, str]] = {
    "failed-disk": "the disk of the environment could not be used",
    "failed-secret": "the secrets of the environment could not be read; may its service account do so?",
    "failed-image": "the image of the environment could not be fetched",
    "failed-container": "the environment does not start at Google Cloud",
}
# What the container prints goes to the second serial port; the first one has the machine's own words.
LOG_PORT: Final = 2

_SCRIPT: Final = """\
#!/bin/bash
METADATA=http://metadata.google.internal/computeMetadata/v1/instance
metadata() { curl -sf -H 'Metadata-Flavor: Google' "$@"; }
say() { metadata -X PUT --data "$1 $(date -u +%Y-%m-%dT%H:%M:%SZ)" "$METADATA/guest-attributes/@STATE_PATH@"; }
fail() { say "failed-$1"; exit 1; }

DISK=/dev/disk/by-id/google-@DEVICE@
FILES=/mnt/disks/@DEVICE@
mkdir -p "$FILES"
if ! mountpoint -q "$FILES"; then
  blkid "$DISK" >/dev/null || mkfs.ext4 -q -m 0 "$DISK" || fail disk
  mount -o discard "$DISK" "$FILES" || fail disk
  chown 1000:1000 "$FILES"
fi

# Whoever can ask the metadata server is this machine. Names are still resolved there.
iptables -w -N DOCKER-USER 2>/dev/null
iptables -w -I DOCKER-USER -d 169.254.169.254 -p tcp -m tcp ! --dport 53 -j REJECT || fail container

read_secret() {
  token=$(metadata "$METADATA/service-accounts/default/token" | sed -n 's/.*"access_token" *: *"\\([^"]*\\)".*/\\1/p')
  curl -sf --retry 5 --config - <<<"header = \\"Authorization: Bearer $token\\"" @SECRET_URL@ |
    tr -d '\\n ' | sed -n 's/.*"data":"\\([^"]*\\)".*/\\1/p' | base64 -d
}
SECRETS=$(read_secret)
[ -n "$SECRETS" ] || fail secret

docker rm -f environment >/dev/null 2>&1
docker pull -q @IMAGE@ || docker image inspect @IMAGE@ >/dev/null 2>&1 || fail image
(set -a; eval "$SECRETS"; exec docker run @OPTIONS@ -v "$FILES:@WORKSPACE@" @IMAGE@) || fail container
unset SECRETS

systemd-run --quiet sh -c '
docker exec -w @WORKSPACE@ environment sh -c "[ -z \\"\\$STARTUP_SCRIPT\\" ] || sh -c \\"\\$STARTUP_SCRIPT\\" ||
  echo \\"the startup script failed with exit code \\$?\\"" > /dev/ttyS1 2>&1
while sleep 1; do
  docker logs --follow --since "$(cat /run/switchyard-read 2>/dev/null || echo 0)" environment
  date +%s > /run/switchyard-read
done > /dev/ttyS1 2>&1'

until curl -sko /dev/null https://127.0.0.1:@IDE_PORT@/; do
  [ "$(docker inspect -f '{{.State.Status}}' environment)" != exited ] || fail container
  sleep 1
done
# Who sends a command knows this machine by its host keys. Not every guest agent publishes them at every start.
ssh-keyscan -p @SSH@ 127.0.0.1 2>/dev/null | while read -r host kind key; do
  [ "$host" = "#" ] || metadata -X PUT --data "$key" "$METADATA/guest-attributes/hostkeys/$kind"
done
say @READY@
"""


def startup_script(plan: Plan, secret_url: str, *, ssh_port: int) -> str:
    """Return the script; `secret_url` answers with the newest version of the secret, `ssh_port` with the host keys."""
    parts = {
        "STATE_PATH": STATE_PATH,
        "DEVICE": names.DEVICE,
        "SECRET_URL": shlex.quote(secret_url),
        "IMAGE": shlex.quote(plan.image),
        "OPTIONS": shlex.join(_options(plan)),
        "WORKSPACE": WORKSPACE,
        "IDE_PORT": str(IDE_PORT),
        "SSH": str(ssh_port),
        "READY": READY,
    }
    # In one go: what a part says is never taken for the name of another.
    return re.sub("@([A-Z_]+)@", lambda name: parts[name[1]], _SCRIPT)


def secret_text(secrets: Mapping[str, str]) -> str:
    """Return what the secret of an environment holds: assignments that a shell reads. Never empty."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(secrets.items())) or "\n:\n"


def _options(plan: Plan) -> list[str]:
    script = {"STARTUP_SCRIPT": plan.startup_script} if plan.startup_script else {}
    variables = {"WORKSPACE_DIR": WORKSPACE, **plan.variables, **script}
    ports = dict.fromkeys([IDE_PORT, SSH_PORT, *plan.ports.values()])
    return [
        *("--detach", "--name", "environment", "--restart", "on-failure", "--init"),
        *("--cpus", str(plan.cpu_cores), "--memory", f"{plan.memory_gb}g"),
        *("--log-opt", "max-size=10m", "--log-opt", "max-file=2"),
        *(option for port in ports for option in ("--publish", f"{port}:{port}")),
        *(option for name in sorted(plan.secrets) for option in ("--env", name)),
        *(option for name, value in sorted(variables.items()) for option in ("--env", f"{name}={value}")),
    ]
