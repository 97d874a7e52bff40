from server.cli.comfy.prompt_progress import PromptProgress
from switchyard.comfy.v1.prompt_pb2 import Prompt, PromptEvent


def node(node_id: str, node_type: str | None = None, fraction: float = 0.0) -> PromptEvent:
    return PromptEvent(kind=PromptEvent.KIND_NODE, node_id=node_id, node_type=node_type, fraction=fraction)


def steps(value: float, most: float, fraction: float) -> PromptEvent:
    kind = PromptEvent.KIND_PROGRESS
    return PromptEvent(kind=kind, node_id="3", node_type="KSampler", value=value, max=most, fraction=fraction)


def stands(status: Prompt.Status.ValueType, **fields: object) -> PromptEvent:
    return PromptEvent(kind=PromptEvent.KIND_STATUS, prompt=Prompt(status=status, **fields))  # type: ignore[arg-type]


def test_the_bar_is_over_all_prompts_and_the_one_at_work_counts_by_its_share() -> None:
    progress = PromptProgress(4)
    progress.end(Prompt(status=Prompt.STATUS_SUCCESS))

    progress.take(steps(5, 20, fraction=0.25))

    assert progress.done == 1.25
    assert progress.words == "2 of 4, node 3 (KSampler) 5/20"


def test_the_next_node_has_not_done_the_steps_of_the_one_before() -> None:
    progress = PromptProgress(1)
    progress.take(steps(20, 20, fraction=0.5))

    progress.take(node("7", "SaveImage", fraction=0.5))

    assert progress.words == "1 of 1, node 7 (SaveImage)"


def test_a_prompt_that_runs_already_is_taken_up_where_it_is() -> None:
    progress = PromptProgress(1)

    progress.take(stands(Prompt.STATUS_RUNNING, progress=0.5, current_node="3"))

    assert (progress.done, progress.words) == (0.5, "1 of 1, node 3")


def test_an_end_counts_once_though_its_status_is_told_as_well() -> None:
    progress = PromptProgress(2)
    progress.take(stands(Prompt.STATUS_SUCCESS, progress=1.0))

    progress.end(Prompt(status=Prompt.STATUS_SUCCESS))

    assert (progress.done, progress.words) == (1.0, "2 of 2")


def test_the_next_prompt_begins_with_nothing_of_the_one_before() -> None:
    progress = PromptProgress(2)
    progress.take(steps(15, 20, fraction=0.75))

    progress.end(Prompt(status=Prompt.STATUS_CANCELLED))

    assert (progress.done, progress.words) == (1.0, "2 of 2")


def test_a_prompt_that_is_sent_again_begins_again() -> None:
    progress = PromptProgress(1)
    progress.take(steps(15, 20, fraction=0.75))

    progress.take(node("1", "EmptyImage", fraction=0.0))

    assert progress.done == 0.0


def test_after_the_last_end_nothing_is_at_work() -> None:
    progress = PromptProgress(1)
    progress.take(node("1"))

    progress.end(Prompt(status=Prompt.STATUS_ERROR))

    assert (progress.done, progress.words) == (1.0, "1 of 1")
