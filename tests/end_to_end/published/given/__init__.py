"""What must be there before an example runs, by the names that the facts use."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.end_to_end.published.given import bots, comfy, environments, orchestrator, telemetry
from tests.end_to_end.published.world import World

GIVEN: Final[Mapping[str, Callable[[World], None]]] = {
    **bots.GIVEN,
    **telemetry.GIVEN,
    **comfy.GIVEN,
    **orchestrator.GIVEN,
    **environments.GIVEN,
}
