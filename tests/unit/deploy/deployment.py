"""What is read from `deploy/`, for the tests that compare it with the programs it starts."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[3]
DEPLOY: Final = ROOT / "deploy"
DOCKERFILE: Final = DEPLOY / "Dockerfile"
OWN_IMAGES: Final = {"switchyard": "server", "switchyard-worker": "worker"}
"""Images by name, and the target of the Dockerfile each is built from."""


@dataclass(frozen=True)
class Stage:
    """One stage of the Dockerfile: what it is made from, its name, its instructions with lines joined."""

    base: str
    name: str
    instructions: Sequence[str]

    def last(self, word: str) -> str:
        """What the last instruction of a kind says; "" when there is none."""
        return next((line.partition(" ")[2] for line in reversed(self.instructions) if line.startswith(f"{word} ")), "")


def stages() -> list[Stage]:
    """Read the Dockerfile."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found: list[Stage] = []
    for line in lines:
        if match := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            found.append(Stage(match[1], match[2], []))
        else:
            found[-1] = Stage(found[-1].base, found[-1].name, [*found[-1].instructions, line])
    return found


def compose() -> Any:
    """Read the Compose file; anchors and merges are resolved."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def manifests() -> list[Any]:
    """Read every Kubernetes resource that is written by hand, as it stands in its file."""
    files = sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
    found = [one for file in files if file.name != "kustomization.yaml" for one in yaml.safe_load_all(file.read_text())]
    assert all(found), "an empty document"
    return found


def pods() -> dict[str, Any]:
    """Return the pods of workloads by the name of the workload."""
    kinds = ("Deployment", "StatefulSet", "Job")
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in manifests() if one["kind"] in kinds}


def containers(pod: Mapping[str, Any]) -> Iterator[Any]:
    """Yield every container of a pod, those that run first too."""
    yield from pod.get("initContainers", ())
    yield from pod["containers"]


def settings(name: str) -> dict[str, str]:
    """Return the literals of a generated ConfigMap of the base."""
    base = yaml.safe_load((DEPLOY / "kubernetes" / "base" / "kustomization.yaml").read_text())
    literals = next(one["literals"] for one in base["configMapGenerator"] if one["name"] == name)
    return dict(literal.split("=", 1) for literal in literals)


def make_secrets(folder: Path) -> dict[str, str]:
    """Let the program make secrets in `folder`, and return them by name."""
    subprocess.run(["sh", str(DEPLOY / "make-secrets.sh"), str(folder)], check=True, capture_output=True)
    return {file.name: file.read_text() for file in folder.iterdir()}
