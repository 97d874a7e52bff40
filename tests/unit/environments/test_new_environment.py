"""What is stored of an environment that somebody asks for, and what he is refused."""

import re
from typing import Any

import pytest

from server.environments import new_environment
from server.environments.settings import EnvironmentSettings
from server.environments.ssh_key import is_public_key
from server.errors import InvalidArgument
from switchyard.environments.v1.environment_pb2 import Environment
from switchyard.environments.v1.environment_service_pb2 import CreateEnvironmentRequest
from switchyard.environments.v1.quota_service_pb2 import Amounts
from switchyard.environments.v1.template_service_pb2 import Template


def settings(**given: Any) -> EnvironmentSettings:
    usual: dict[str, Any] = {
        "image": "image:1",
        "auto_stop_minutes": 30,
        "max_run_minutes": 600,
        "reconcile_seconds": 300,
        "clouds": frozenset(),
        "regions": (),
        "quota": Amounts(),
        "agent_url": "http://127.0.0.1:8080",
    }
    return EnvironmentSettings(**usual | given)


def request(**given: Any) -> CreateEnvironmentRequest:
    usual: dict[str, Any] = {
        "name": "mine",
        "cloud_provider": Environment.CLOUD_PROVIDER_AZURE,
        "cloud_region": "eastus",
        "cpu_cores": 2,
        "memory_gb": 4,
        "storage_gb": 20,
    }
    return CreateEnvironmentRequest(**{name: value for name, value in (usual | given).items() if value is not None})


TEMPLATE = Template(
    template_id="node",
    image="image:node",
    cpu_cores=1,
    memory_gb=2,
    storage_gb=10,
    ports=[Template.TemplatePort(name="web", port=3000)],
    startup_script="npm ci",
    auto_stop_minutes=0,
)


def test_a_template_gives_what_the_request_does_not() -> None:
    sparse = request(cpu_cores=None, memory_gb=None, storage_gb=50)

    columns = new_environment.columns(sparse, TEMPLATE, settings())

    assert (columns["cpu_cores"], columns["memory_gb"], columns["storage_gb"]) == (1, 2, 50)
    assert (columns["image"], columns["startup_script"], columns["template_id"]) == ("image:node", "npm ci", "node")
    assert (columns["auto_stop_minutes"], columns["max_run_minutes"]) == (0, 600)
    assert Template.FromString(columns["template_ports"]) == Template(ports=TEMPLATE.ports)


def test_the_request_goes_before_the_template() -> None:
    columns = new_environment.columns(request(auto_stop_minutes=5, max_run_minutes=0), TEMPLATE, settings())

    assert (columns["cpu_cores"], columns["auto_stop_minutes"], columns["max_run_minutes"]) == (2, 5, 0)


def test_without_a_template_the_settings_decide() -> None:
    columns = new_environment.columns(request(), None, settings())

    assert (columns["image"], columns["auto_stop_minutes"], columns["max_run_minutes"]) == ("image:1", 30, 600)
    assert (columns["template_id"], columns["template_ports"], columns["base_image"]) == (None, None, None)


@pytest.mark.parametrize(("clouds", "provider"), [(frozenset(), "local"), (frozenset({"azure", "gcp"}), "azure")])
def test_a_cloud_makes_it_or_this_machine_while_none_is_configured(clouds: frozenset[str], provider: str) -> None:
    columns = new_environment.columns(request(), None, settings(clouds=clouds))

    assert columns["provider"] == provider


def test_a_cloud_that_is_not_configured_is_refused_while_others_are() -> None:
    with pytest.raises(InvalidArgument, match="cloudProvider must be one that is configured here: AWS, GCP"):
        new_environment.columns(request(), None, settings(clouds=frozenset({"gcp", "aws"})))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": " \t"}, "name must not be blank"),
        ({"name": "a\nb"}, "name must not hold control characters"),
        ({"cloud_provider": None}, "cloudProvider must be one of AZURE, AWS, GCP"),
        ({"cloud_region": ""}, "cloudRegion must be given"),
        ({"cloud_region": "mars"}, "cloudRegion must be a region of AZURE, and 'mars' is none"),
        ({"cpu_cores": None}, "cpuCores must be given"),
        ({"memory_gb": None}, "memoryGB must be given"),
        ({"storage_gb": None}, "storageGB must be given"),
        ({"ssh_public_key": "a"}, "sshPublicKey must be one public key"),
        # Two keys, or options that open more: an authorized_keys file would take both.
        ({"ssh_public_key": "ssh-rsa AAAAB3 a\nssh-rsa AAAAB3 b"}, "sshPublicKey must be one public key"),
        ({"github_token": "ghp\x00"}, "githubToken must not hold control characters"),
        ({"code_server_password": "a\rb"}, "codeServerPassword must not hold control characters"),
        # Of several faults the first one is told.
        ({"name": " ", "cloud_region": "mars"}, "name must not be blank"),
        ({"cloud_region": "mars", "cpu_cores": None}, "cloudRegion must be a region of AZURE"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{re.escape(sentence)}"):
        new_environment.columns(request(**given), None, settings())


# Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT", and the example of the API's description.
@pytest.mark.parametrize(
    ("text", "well"),
    [
        ("ssh-rsa AAAAB3...", True),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0 anna@example.com of the third floor", True),
        ("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY=", True),
        ("sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5", True),
        ("ssh-rsa", False),
        ("ssh-rsa  AAAAB3", False),
        ("ssh-dss AAAAB3", False),
        ("ssh-rsa BBBB", False),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", False),
        ('command="sh" ssh-rsa AAAAB3', False),
        ("ssh-rsa AAAAB3 a\nb", False),
    ],
)
def test_a_public_key_has_a_type_and_data(text: str, well: bool) -> None:
    assert is_public_key(text) is well


def test_secrets_become_variables_and_a_token_comes_with_them() -> None:
    made = new_environment.new_secrets(request(github_token=" ghp_1\n", code_server_password=" a b "))

    assert made.plan.secrets["GITHUB_TOKEN"] == "ghp_1"
    assert made.plan.secrets["CODE_SERVER_PASSWORD"] == " a b "
    assert made.plan.secrets["ENVIRONMENT_TOKEN"] == made.token
    assert set(made.plan.secrets) == {"GITHUB_TOKEN", "CODE_SERVER_PASSWORD", "ENVIRONMENT_TOKEN"}
    assert made.generated_password is None


def test_without_a_password_one_is_made() -> None:
    one, other = (new_environment.new_secrets(request()) for _ in range(2))

    assert one.generated_password == one.plan.secrets["CODE_SERVER_PASSWORD"]
    assert len(one.generated_password) >= 20
    assert (one.generated_password, one.token) != (other.generated_password, other.token)
    assert one.generated_password not in repr(one)


def test_ids_are_letters_and_digits_that_differ() -> None:
    ids = {new_environment.new_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(re.fullmatch(r"env-[a-z0-9]{12}", one) for one in ids)
