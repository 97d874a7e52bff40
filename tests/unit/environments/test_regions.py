"""Regions of the clouds."""

import pytest

from server.environments.regions import AWS, AZURE, GCP, CloudProvider, cloud_name, is_region
from switchyard.environments.v1.environment_pb2 import Environment

AZURE_CLOUD = Environment.CLOUD_PROVIDER_AZURE
AWS_CLOUD = Environment.CLOUD_PROVIDER_AWS
GCP_CLOUD = Environment.CLOUD_PROVIDER_GCP


@pytest.mark.parametrize(
    ("cloud", "region", "known"),
    [
        # The examples of the API's description.
        (AZURE_CLOUD, "eastus", True),
        (AZURE_CLOUD, "westus2", True),
        (AWS_CLOUD, "eu-central-1", True),
        (GCP_CLOUD, "europe-west3", True),
        (AZURE_CLOUD, "us-east-1", False),
        (AWS_CLOUD, "eastus", False),
        (AZURE_CLOUD, "EastUS", False),
        (AZURE_CLOUD, "", False),
        (AZURE_CLOUD, "eastus ", False),
    ],
)
def test_a_region_is_one_of_its_own_cloud(cloud: CloudProvider, region: str, known: bool) -> None:
    assert is_region(cloud, region) is known


def test_settings_know_further_regions_of_a_cloud() -> None:
    further = [("aws", "xx-moon-1")]

    assert is_region(AWS_CLOUD, "xx-moon-1", further)
    assert not is_region(GCP_CLOUD, "xx-moon-1", further)


def test_no_two_clouds_call_a_region_the_same() -> None:
    assert len(AZURE | AWS | GCP) == len(AZURE) + len(AWS) + len(GCP)


def test_clouds_have_the_names_that_workers_know() -> None:
    assert [cloud_name(cloud) for cloud in (AZURE_CLOUD, AWS_CLOUD, GCP_CLOUD)] == ["azure", "aws", "gcp"]
