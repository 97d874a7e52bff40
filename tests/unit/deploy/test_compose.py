"""The Compose file: each service is bounded, closed in, and started when what it needs is there."""

from typing import Any

import pytest

from tests.unit.deploy.deployment import compose

SERVICES = compose()["services"]


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> Any:
    return SERVICES[request.param] | {"name": request.param}


def test_a_service_may_not_become_more_than_it_is(service: Any) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


def test_a_service_has_limits(service: Any) -> None:
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])


def test_a_service_that_listens_says_whether_it_is_well(service: Any) -> None:
    listens = service["name"] not in ("migrate", "worker")

    assert ("healthcheck" in service) is listens


def test_no_secret_stands_in_the_environment(service: Any) -> None:
    told = service.get("environment", {})

    assert not [name for name in told if name in compose()["secrets"]]
    assert not [name for name in told if "PASSWORD" in name and not told[name].startswith("/run/secrets/")]
    assert not [name for name, value in told.items() if "@" in str(value)]


def test_only_nginx_can_be_reached_from_outside(service: Any) -> None:
    assert ("ports" in service) is (service["name"] == "nginx")


def test_there_are_several_of_what_may_be_many() -> None:
    replicas = {name: one["deploy"].get("replicas", 1) for name, one in SERVICES.items()}

    assert {name for name, count in replicas.items() if count > 1} == {"server", "gateway", "worker"}


def test_servers_wait_for_the_migration_and_everybody_else_for_servers() -> None:
    waits = {name: set(one.get("depends_on", ())) for name, one in SERVICES.items()}

    assert SERVICES["server"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert waits == {
        "migrate": {"postgres"},
        "server": {"migrate", "valkey"},
        "gateway": {"server"},
        "worker": {"server"},
        "nginx": {"gateway"},
        "postgres": set(),
        "valkey": set(),
    }
