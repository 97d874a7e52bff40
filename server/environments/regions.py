"""The public regions of the clouds, as of November 2025. Pure.

Sources: https://learn.microsoft.com/azure/reliability/regions-list (`az account list-locations`),
https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html,
https://cloud.google.com/compute/docs/regions-zones.
"""

from collections.abc import Collection
from typing import Final, TypeAlias

from switchyard.environments.v1.environment_pb2 import Environment

CloudProvider: TypeAlias = Environment.CloudProvider.ValueType


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


AZURE: Final = _names("""
    australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth
    brazilsoutheast canadacentral canadaeast centralindia centralus chilecentral eastasia eastus eastus2 francecentral
    francesouth germanynorth germanywestcentral indonesiacentral israelcentral italynorth japaneast japanwest
    jioindiacentral jioindiawest koreacentral koreasouth malaysiawest mexicocentral newzealandnorth northcentralus
    northeurope norwayeast norwaywest polandcentral qatarcentral southafricanorth southafricawest southcentralus
    southeastasia southindia spaincentral swedencentral swedensouth switzerlandnorth switzerlandwest uaecentral uaenorth
    uksouth ukwest westcentralus westeurope westindia westus westus2 westus3
    """)
AWS: Final = _names("""
    af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1
    ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1
    eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1
    me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2
    """)
GCP: Final = _names("""
    africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2
    asia-southeast1 asia-southeast2 australia-southeast1 australia-southeast2 europe-central2 europe-north1
    europe-north2 europe-southwest1 europe-west1 europe-west10 europe-west12 europe-west2 europe-west3 europe-west4
    europe-west6 europe-west8 europe-west9 me-central1 me-central2 me-west1 northamerica-northeast1
    northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1 us-central1 us-east1 us-east4
    us-east5 us-south1 us-west1 us-west2 us-west3 us-west4
    """)
_OF_CLOUD: Final = {
    Environment.CLOUD_PROVIDER_AZURE: AZURE,
    Environment.CLOUD_PROVIDER_AWS: AWS,
    Environment.CLOUD_PROVIDER_GCP: GCP,
}


def is_region(cloud: CloudProvider, region: str, more: Collection[tuple[str, str]] = ()) -> bool:
    """Whether a cloud has the region; `more` are further pairs of a cloud ("azure") and a region."""
    return region in _OF_CLOUD[cloud] or (cloud_name(cloud), region) in more


def cloud_name(cloud: CloudProvider) -> str:
    """Return the name by which settings and workers know a cloud: "azure", "aws" or "gcp"."""
    return Environment.CloudProvider.Name(cloud).removeprefix("CLOUD_PROVIDER_").lower()
