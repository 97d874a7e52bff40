"""The manifests: each pod is bounded, closed in and watched, and speaks only with whom it has to."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.deployment import DEPLOY, containers, make_secrets, manifests, pods

PODS = pods()
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
SCALED = ("server", "gateway", "worker")


@pytest.fixture(params=PODS)
def pod(request: pytest.FixtureRequest) -> Any:
    return PODS[request.param]


def of_kind(kind: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one["spec"] for one in manifests() if one["kind"] == kind}


def test_a_pod_is_nobody_on_the_node_and_nobody_in_the_cluster(pod: Any) -> None:
    accounts = {one["metadata"]["name"]: one for one in manifests() if one["kind"] == "ServiceAccount"}

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    assert accounts[pod["serviceAccountName"]]["automountServiceAccountToken"] is False


def test_a_container_may_not_become_more_than_it_is(pod: Any) -> None:
    for container in containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_container_says_what_it_needs_and_has_limits(pod: Any) -> None:
    for container in containers(pod):
        assert {"cpu", "memory"} == set(container["resources"]["requests"]) == set(container["resources"]["limits"])


def test_what_listens_is_probed_where_it_listens(pod: Any) -> None:
    for container in pod["containers"]:
        ports = container.get("ports", ())
        numbers = {port[key] for port in ports for key in ("name", "containerPort")}
        assert {name for name in PROBES if name in container} == (set(PROBES) if ports else set())
        for name in PROBES if ports else ():
            probe = container[name]
            asked = probe.get("grpc") or probe.get("httpGet") or {}
            assert "exec" in probe or asked["port"] in numbers


def test_a_deployment_that_is_not_probed_has_to_live_for_a_while() -> None:
    deployments = of_kind("Deployment")

    assert deployments["worker"]["minReadySeconds"] > 0


def test_what_may_be_many_is_many_grows_and_is_never_taken_away_at_once() -> None:
    budgets, scalers = of_kind("PodDisruptionBudget"), of_kind("HorizontalPodAutoscaler")

    assert set(of_kind("Deployment")) == set(budgets) == set(scalers) == set(SCALED)
    for name, deployment in of_kind("Deployment").items():
        scaler = scalers[name]
        assert deployment["replicas"] >= 2
        assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        assert deployment["replicas"] == scaler["minReplicas"] < scaler["maxReplicas"]
        assert budgets[name]["selector"] == deployment["selector"]


def test_a_stop_has_time_for_what_is_being_answered() -> None:
    # 30 s for a gateway, 20 s and a moment for a server, 15 s and what a kill takes for a worker.
    for name in SCALED:
        assert PODS[name]["terminationGracePeriodSeconds"] >= 40


def test_nobody_talks_to_anybody_unless_it_is_written() -> None:
    policies = of_kind("NetworkPolicy")

    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name in PODS:
        assert policies[name]["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": name}


def test_who_may_go_out_is_who_may_come_in() -> None:
    policies = of_kind("NetworkPolicy")

    def peers(name: str, way: str, key: str) -> set[str]:
        return {
            peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            for rule in policies[name].get(way, ())
            for peer in rule[key]
            if "podSelector" in peer
        }

    going_out = {(name, peer) for name in PODS for peer in peers(name, "egress", "to")}
    coming_in = {(peer, name) for name in PODS for peer in peers(name, "ingress", "from")}

    assert going_out == coming_in


def test_workers_do_not_reach_private_networks() -> None:
    blocks = [
        peer["ipBlock"]
        for rule in of_kind("NetworkPolicy")["worker"]["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
    ]

    # Clouds tell their machines secrets at a link-local address.
    (block,) = blocks
    assert "169.254.0.0/16" in block["except"]


def test_selectors_of_services_find_pods() -> None:
    for name, service in of_kind("Service").items():
        assert service["selector"] == {"app.kubernetes.io/component": name}
        ports = {port["name"] for container in PODS[name]["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["ports"]} <= ports


def test_grpc_finds_every_server_by_the_name_of_their_service() -> None:
    # Source: https://kubernetes.io/docs/concepts/services-networking/service/#headless-services
    assert of_kind("Service")["server"]["clusterIP"] == "None"


def renderer() -> list[str] | None:
    """The program that puts an overlay together, where there is one."""
    if kustomize := shutil.which("kustomize"):
        return [kustomize, "build"]
    kubectl = shutil.which("kubectl")
    return [kubectl, "kustomize"] if kubectl else None


@pytest.mark.skipif(renderer() is None, reason="there is neither kustomize nor kubectl")
def test_the_overlay_is_put_together_from_all_of_it(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / "overlays" / "complete"
    made = make_secrets(overlay / "secrets")

    program = renderer()
    assert program is not None
    done = subprocess.run([*program, str(overlay)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    rendered = list(yaml.safe_load_all(done.stdout))
    names = {(one["kind"], one["metadata"]["name"]) for one in rendered}
    assert {(one["kind"], one["metadata"]["name"]) for one in manifests()} <= names
    assert {one["metadata"]["namespace"] for one in rendered if one["kind"] != "Namespace"} == {"switchyard"}
    (secret,) = (one for one in rendered if one["kind"] == "Secret")
    assert set(secret["data"]) == set(made)
