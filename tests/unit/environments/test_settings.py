"""Settings of environments: what is taken, what stops the start, and in which words."""

import pytest

from server.config import ConfigInvalid, ServerConfig

AZURE = {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "g", "AZURE_STORAGE_ACCOUNT": "a"}


def test_without_settings_everything_is_made_here() -> None:
    config = ServerConfig.from_environment({})

    assert config.environment_clouds == frozenset()
    assert config.environment_image == "vaibhavsing/dev8-workspace:latest"
    assert (config.environment_auto_stop_minutes, config.environment_max_run_minutes) == (30, 0)
    assert (config.environment_quota_environments, config.environment_quota_cpu_cores) == (10, None)
    assert (config.environment_reconcile_seconds, config.agent_url) == (300, "http://127.0.0.1:8080")


@pytest.mark.parametrize(
    ("environ", "clouds"),
    [
        (AZURE, {"azure"}),
        # What lets the worker in does not say where.
        ({"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_STORAGE_KEY": "k"}, set()),
        ({"ENVIRONMENTS_AWS_CLUSTER": "c"}, {"aws"}),
        ({"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "k"}, set()),
        (AZURE | {"ENVIRONMENTS_GCP_PROJECT": "p"}, {"azure", "gcp"}),
    ],
)
def test_a_cloud_is_there_when_it_is_said_where_in_it(environ: dict[str, str], clouds: set[str]) -> None:
    assert ServerConfig.from_environment(environ).environment_clouds == clouds


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"HOST": "192.0.2.1", "AGENT_PORT": "9000"}, "http://192.0.2.1:9000"),
        ({"HOST": "::1"}, "http://[::1]:8080"),
        # Nobody can connect to the address that stands for all of them.
        ({"HOST": "0.0.0.0"}, "http://127.0.0.1:8080"),
        ({"HOST": "::"}, "http://[::1]:8080"),
        ({"AGENT_URL": "https://agent.example/"}, "https://agent.example"),
    ],
)
def test_supervisors_are_told_an_address_that_can_be_reached(environ: dict[str, str], url: str) -> None:
    assert ServerConfig.from_environment(environ).agent_url == url


def test_values_are_read() -> None:
    config = ServerConfig.from_environment(
        {
            "ENVIRONMENT_REGIONS": "aws:xx-moon-1, AZURE:moonbase",
            "ENVIRONMENT_QUOTA_ENVIRONMENTS": "0",
            "ENVIRONMENT_QUOTA_MEMORY_GB": "64",
        }
    )

    assert config.environment_regions == (("aws", "xx-moon-1"), ("azure", "moonbase"))
    assert (config.environment_quota_environments, config.environment_quota_memory_gb) == (0, 64)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"ENVIRONMENT_AUTO_STOP_MINUTES": "soon"}, "ENVIRONMENT_AUTO_STOP_MINUTES must be a whole number from 0 to"),
        ({"ENVIRONMENT_MAX_RUN_MINUTES": "-1"}, "ENVIRONMENT_MAX_RUN_MINUTES must be a whole number from 0 to 43200"),
        ({"ENVIRONMENT_RECONCILE_SECONDS": "0"}, "ENVIRONMENT_RECONCILE_SECONDS must be a whole number from 1 to"),
        ({"ENVIRONMENT_IMAGE": "a b"}, "ENVIRONMENT_IMAGE must be the name of an image"),
        ({"ENVIRONMENT_REGIONS": "moonbase"}, "ENVIRONMENT_REGIONS must list regions as azure:name"),
        ({"ENVIRONMENT_REGIONS": "ibm:moonbase"}, "ENVIRONMENT_REGIONS must list regions as azure:name"),
        ({"ENVIRONMENT_QUOTA_CPU_CORES": "x"}, "ENVIRONMENT_QUOTA_CPU_CORES must be a whole number from 0 to"),
        ({"AGENT_URL": "agent.example:8080"}, "AGENT_URL must be an address as in https://agent.example:8080"),
        ({"AZURE_RESOURCE_GROUP": "g"}, "AZURE_SUBSCRIPTION_ID must be set, because AZURE_RESOURCE_GROUP is"),
    ],
)
def test_a_value_that_cannot_be_used_stops_the_start(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"^{sentence}"):
        ServerConfig.from_environment(environ)
