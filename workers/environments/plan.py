"""What an environment is to be, from the server."""

from switchyard.environments.v1 import provisioning_service_pb2 as pb
from workers.assignment import Assignment
from workers.environments.provider import Plan


async def fetch_plan(assignment: Assignment) -> Plan:
    """Return the plan of the Task's environment.

    Raises:
        LeaseLost: the lease is over.
        Refused: the environment is gone.
    """
    link = assignment.link
    request = pb.GetEnvironmentPlanRequest(lease=assignment.lease.key)
    return plan_of(await link.call(link.environments.GetEnvironmentPlan, request))


def plan_of(response: pb.GetEnvironmentPlanResponse) -> Plan:
    """Return the plan that the server has sent."""
    return Plan(
        environment_id=response.environment_id,
        user_id=response.user_id,
        name=response.name,
        region=response.region,
        image=response.image,
        cpu_cores=response.cpu_cores,
        memory_gb=response.memory_gb,
        storage_gb=response.storage_gb,
        ports={port.name: port.port for port in response.ports},
        startup_script=response.startup_script,
        secrets=dict(response.secrets),
        variables=dict(response.variables),
    )
