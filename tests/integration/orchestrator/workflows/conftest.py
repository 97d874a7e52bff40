"""A server whose workers have said which types of nodes they know."""

import pytest

from tests.integration.orchestrator.serving import Site
from tests.integration.orchestrator.workflows.parts import publish


@pytest.fixture
async def ready(site: Site) -> Site:
    """Serve everything, with node types to make workflows of."""
    await publish(site)
    return site
