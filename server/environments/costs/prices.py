"""What providers take for processor, memory and storage: list prices without discounts, in US dollars. Pure.

They differ by region; these are the ones of a large region in the United States, without traffic and addresses.
Sources: Azure, East US, Container Instances on Linux https://azure.microsoft.com/pricing/details/container-instances/
and Azure Files, transaction optimized, LRS https://azure.microsoft.com/pricing/details/storage/files/;
AWS, us-east-1, Fargate on Linux/x86 https://aws.amazon.com/fargate/pricing/ and EFS Standard
https://aws.amazon.com/efs/pricing/;
Google Cloud, us-central1, custom E2 machines https://cloud.google.com/compute/vm-instance-pricing and balanced
persistent disks https://cloud.google.com/compute/disks-image-pricing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# The day of this table.
PRICE_DATE: Final = "2025-10-01"
# How clouds count a month.
HOURS_OF_MONTH: Final = 730


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for an hour of a core, an hour of a GB of memory, and a month of a GB of storage."""

    core_hour: float
    memory_gb_hour: float
    storage_gb_month: float


PRICES: Final[Mapping[str, Prices]] = {
    "azure": Prices(0.0405, 0.00445, 0.06),
    "aws": Prices(0.04048, 0.004445, 0.30),
    "gcp": Prices(0.02290217, 0.00306971, 0.10),
    # This machine is paid for already.
    "local": Prices(0.0, 0.0, 0.0),
}
