"""Which robots the present caller meets: one that is bound to a tenant meets those of its own, any other all."""

from server.orchestrator.robots.robot import Facts
from server.orchestrator.robots.robot_store import not_found
from server.rpc.caller import CALLER


def may_see(tenant: str) -> bool:
    """Whether robots of `tenant` ("" for those that serve everybody) are there for the caller."""
    own = CALLER.get().tenant_id
    return own is None or own == tenant


def may_speak_for(robot: Facts) -> Facts:
    """Return `robot` if it is there for the caller.

    Raises:
        NotFound: it is not.
    """
    if not may_see(robot.tenant):
        raise not_found(robot.id)
    return robot
