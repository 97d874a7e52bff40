"""What workers need: plans, calls and prompts, under their leases alone."""

import asyncio
from typing import Any

import grpc
import pytest

from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb
from switchyard.comfy.v1.prompt_pb2 import PromptEvent
from switchyard.tasks.v1.worker_service_pb2 import LeaseKey
from tests.integration.comfy.holder import PASSWORD, Holder, Holders, Sent, get, post, until
from tests.integration.orchestrator.serving import Site, refused

PRECONDITION, INVALID = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT


async def in_flight(site: Site, holder: Holder, **body: Any) -> Sent:
    """Queue the open workflow and have its first prompt sent."""
    queueing = asyncio.create_task(post(site.http, "/workflow/queue", **body))
    sent = await holder.sent()
    assert (await queueing)[0] == 200
    return sent


def follow(site: Site, holder: Holder) -> Any:
    """Follow the calls of a session without answering them."""
    stub = site.stub("comfy.ComfyWorkerService")
    return stub.FollowCalls(pb.FollowCallsRequest(lease=holder.lease), metadata=site.worker)


async def test_a_prompt_is_claimed_as_soon_as_it_is_queued(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    claiming = asyncio.create_task(holder.claim(wait_seconds=60))
    await until(lambda: _follows(site, "comfy http://127.0.0.1:8188"))

    queueing = asyncio.create_task(post(site.http, "/workflow/queue"))
    sent = await claiming

    assert sent is not None
    assert (sent.claimed.attempt, sent.graph["3"]["inputs"]["seed"]) == (1, 7)
    await sent.report("c1")
    assert (await queueing)[0] == 200


async def test_a_claim_without_a_prompt_ends_after_its_wait(site: Site, holders: Holders) -> None:
    holder = await holders.opened()

    assert await holder.claim(wait_seconds=0) is None
    assert await holder.claim(wait_seconds=1) is None


async def test_two_sessions_at_one_comfyui_have_one_prompt_there(site: Site, holders: Holders) -> None:
    one, other = await holders.opened(session="one"), await holders.opened(session="other")
    first = await in_flight(site, one, session="one")
    await holders.queued(session="other")
    claiming = asyncio.create_task(other.claim(wait_seconds=60))
    before = await one.claim()

    await first.succeed()

    assert before is None
    assert await claiming is not None


async def test_an_address_spelled_otherwise_is_the_same_comfyui(site: Site, holders: Holders) -> None:
    one = await holders.opened(session="one", credentials={"url": "http://LOCALHOST:80/"})
    other = await holders.opened(session="other", credentials={"url": "http://localhost"})
    await in_flight(site, one, session="one")
    await holders.queued(session="other")

    assert await other.claim() is None


async def test_two_comfyuis_do_not_wait_for_one_another(site: Site, holders: Holders) -> None:
    one = await holders.opened(session="one", credentials={"url": "http://127.0.0.1:8188"})
    other = await holders.opened(session="other", credentials={"url": "http://127.0.0.1:8189"})

    await in_flight(site, one, session="one")
    await in_flight(site, other, session="other")


async def test_a_session_gets_its_own_prompts_only(site: Site, holders: Holders) -> None:
    one, other = await holders.opened(session="one"), await holders.opened(session="other")
    queueing = asyncio.create_task(post(site.http, "/workflow/queue", session="one"))
    await until(lambda: _queued(site, "one", 1))

    assert await other.claim() is None
    await one.sent()
    await queueing


async def test_a_worker_that_leaves_while_it_claims_loses_no_prompt(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    stub = site.stub("comfy.ComfyWorkerService")
    leaving = stub.ClaimPrompt(pb.ClaimPromptRequest(lease=holder.lease, wait_seconds=60), metadata=site.worker)
    await until(lambda: _follows(site, "comfy http://127.0.0.1:8188"))
    queueing = asyncio.create_task(post(site.http, "/workflow/queue"))

    leaving.cancel()

    await holder.sent()
    assert (await queueing)[0] == 200


async def test_a_prompt_given_back_is_claimed_again(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    sent = await in_flight(site, holder)

    await site.kernel.release(sent.claimed.lease.task_id, sent.claimed.lease.fencing_token)
    again = await holder.take()

    assert (again.id, again.claimed.attempt) == (sent.id, 1)
    assert again.claimed.lease.fencing_token > sent.claimed.lease.fencing_token


async def test_calls_go_to_whoever_follows_last(site: Site, holders: Holders) -> None:
    holder = await holders.start()
    later = follow(site, holder)
    await later.initial_metadata()
    opening = asyncio.create_task(post(site.http, "/workflow/open", workflow_path="x.json"))

    call = await later.read()

    opened = pb.AnswerCallRequest.Opened(node_count=1, format="ui")
    await holder.call("AnswerCall", pb.AnswerCallRequest(lease=holder.lease, number=call.number, opened=opened))
    assert (await opening)[0] == 200
    assert holder.calls == []
    later.cancel()


async def test_a_call_waits_for_a_worker_that_lost_its_connection(site: Site, holders: Holders) -> None:
    holder = await holders.start()
    lost = follow(site, holder)
    await lost.initial_metadata()
    opening = asyncio.create_task(post(site.http, "/workflow/open", workflow_path="x.json"))
    await lost.read()
    lost.cancel()

    holders.run(holder.follow())

    assert (await opening)[0] == 200
    assert len(holder.calls) == 1


async def test_an_answer_nobody_waits_for_is_not_known(site: Site, holders: Holders) -> None:
    holder = await holders.start()
    opened = pb.AnswerCallRequest.Opened(node_count=1, format="ui")
    stub = site.stub("comfy.ComfyWorkerService")

    late = pb.AnswerCallRequest(lease=holder.lease, number=99, opened=opened)
    empty = pb.AnswerCallRequest(lease=holder.lease, number=99)

    assert (await refused(stub.AnswerCall(late, metadata=site.worker)))[0] == grpc.StatusCode.NOT_FOUND
    assert (await refused(stub.AnswerCall(empty, metadata=site.worker)))[0] == INVALID


async def test_without_the_lease_nothing_is_given_or_taken(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    sent = await in_flight(site, holder)
    await post(site.http, f"/workflow/prompts/{sent.id}/cancel")
    await sent.end_cancelled()
    await post(site.http, "/session/stop")
    stub, session, prompt = site.stub("comfy.ComfyWorkerService"), holder.lease, sent.claimed.lease
    unknown = LeaseKey(task_id="nobody", fencing_token=1)

    calls = [
        stub.GetSessionPlan(pb.GetSessionPlanRequest(lease=session), metadata=site.worker),
        stub.GetSessionPlan(pb.GetSessionPlanRequest(lease=unknown), metadata=site.worker),
        stub.ReportReady(pb.ReportReadyRequest(lease=session), metadata=site.worker),
        stub.ClaimPrompt(pb.ClaimPromptRequest(lease=session), metadata=site.worker),
        stub.ClaimPrompt(pb.ClaimPromptRequest(lease=unknown), metadata=site.worker),
        stub.ReportPrompt(pb.ReportPromptRequest(lease=prompt, comfy_prompt_id="late"), metadata=site.worker),
        stub.FollowCalls(pb.FollowCallsRequest(lease=session), metadata=site.worker).read(),
    ]

    codes = [(await refused(call))[0] for call in calls]
    assert codes == [PRECONDITION] * len(calls)
    assert (await get(site.http, f"/workflow/prompts/{sent.id}"))["comfy_prompt_id"] == "c1"


async def test_a_lease_of_something_else_opens_nothing(site: Site, holders: Holders) -> None:
    holder = await holders.opened()
    sent = await in_flight(site, holder)
    stub = site.stub("comfy.ComfyWorkerService")

    plan = await refused(stub.GetSessionPlan(pb.GetSessionPlanRequest(lease=sent.claimed.lease), metadata=site.worker))
    claim = await refused(stub.ClaimPrompt(pb.ClaimPromptRequest(lease=sent.claimed.lease), metadata=site.worker))
    report = await refused(stub.ReportPrompt(pb.ReportPromptRequest(lease=holder.lease), metadata=site.worker))

    assert [one[0] for one in (plan, claim, report)] == [INVALID] * 3


async def test_a_plan_is_for_workers_only(site: Site, holders: Holders) -> None:
    holder = await holders.start()
    stub = site.stub("comfy.ComfyWorkerService")
    request = pb.GetSessionPlanRequest(lease=holder.lease)

    code, sentence = await refused(stub.GetSessionPlan(request, metadata=site.admin))

    assert code == grpc.StatusCode.PERMISSION_DENIED
    assert PASSWORD not in sentence


@pytest.mark.parametrize(
    "event",
    [
        PromptEvent(kind=PromptEvent.KIND_STATUS),
        PromptEvent(),
        PromptEvent(kind=PromptEvent.KIND_PROGRESS, fraction=1.5),
        PromptEvent(kind=PromptEvent.KIND_PROGRESS, fraction=float("nan")),
        PromptEvent(kind=PromptEvent.KIND_PROGRESS, value=float("inf")),
    ],
)
async def test_a_report_that_makes_no_sense_is_refused_whole(site: Site, holders: Holders, event: PromptEvent) -> None:
    holder = await holders.opened()
    sent = await in_flight(site, holder)
    request = pb.ReportPromptRequest(lease=sent.claimed.lease, comfy_prompt_id="c2", events=[event])

    code, _ = await refused(site.stub("comfy.ComfyWorkerService").ReportPrompt(request, metadata=site.worker))

    assert code == INVALID
    assert (await get(site.http, f"/workflow/prompts/{sent.id}"))["comfy_prompt_id"] == "c1"


async def _queued(site: Site, session: str, count: int) -> bool:
    found: int = (await get(site.http, "/workflow/status", session=session))["queued"]
    return found == count


async def _follows(site: Site, key: str) -> bool:
    """Whether somebody waits for prompts of a ComfyUI."""
    return key in site.kernel.changes._watches
