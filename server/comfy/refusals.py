"""What a session answers when it cannot do what a caller asks. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from server.errors import BrowserGone, ComfyUnreachable, GraphRefused, InvalidArgument, NoWorkflow, SwitchyardError
from switchyard.comfy.v1.comfy_worker_service_pb2 import AnswerCallRequest

Refusal = AnswerCallRequest.Refusal

_WITH_SENTENCE: Final[Mapping[int, Callable[[str], SwitchyardError]]] = {
    Refusal.REASON_INVALID: InvalidArgument,
    Refusal.REASON_GRAPH: GraphRefused,
    Refusal.REASON_UNREACHABLE: ComfyUnreachable,
}


def refusal_of(answer: AnswerCallRequest, session: str) -> SwitchyardError:
    """Return what the caller is told of an answer that is not the one he asked for."""
    refusal = answer.refusal
    if refusal.reason == Refusal.REASON_NO_WORKFLOW:
        return NoWorkflow(session)
    make = _WITH_SENTENCE.get(refusal.reason)
    return BrowserGone("the answer of its worker makes no sense") if make is None else make(refusal.message)
