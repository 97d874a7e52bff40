"""How far some prompts are that ComfyUI executes one after the other, from what is told of each. Pure."""

from collections.abc import Sequence

from switchyard.comfy.v1.prompt_pb2 import Prompt, PromptEvent


class PromptProgress:
    """Prompts that were queued together. `count` is how many there are."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._ended: list[Prompt] = []
        self._fraction = 0.0
        self._node = ""
        self._steps = ""

    @property
    def ended(self) -> Sequence[Prompt]:
        """Those that have ended, in the order they were told."""
        return self._ended

    @property
    def done(self) -> float:
        """How many are done, 0 to `count`; the one at work counts by its share."""
        return len(self._ended) + self._fraction

    @property
    def words(self) -> str:
        """What is at work: "2 of 10, node 3 (KSampler) 5/20"."""
        if len(self._ended) == self.count:
            return f"{self.count} of {self.count}"
        parts = (f"{len(self._ended) + 1} of {self.count}", f"{self._node} {self._steps}".strip())
        return ", ".join(part for part in parts if part)

    def take(self, event: PromptEvent) -> None:
        """Take what happened to the prompt at work."""
        if event.kind == PromptEvent.KIND_STATUS:
            self._stands(event.prompt)
        elif event.HasField("fraction"):
            # A prompt that ComfyUI forgot begins again, so it may become less.
            self._fraction = event.fraction
        if event.kind == PromptEvent.KIND_NODE:
            self._node, self._steps = node_words(event), ""
        elif event.kind == PromptEvent.KIND_PROGRESS:
            self._node, self._steps = node_words(event), f"{event.value:g}/{event.max:g}"

    def end(self, prompt: Prompt) -> None:
        """Take the end of the prompt at work."""
        self._ended.append(prompt)
        self._fraction, self._node, self._steps = 0.0, "", ""

    def _stands(self, prompt: Prompt) -> None:
        if prompt.status in (Prompt.STATUS_QUEUED, Prompt.STATUS_RUNNING):
            self._fraction = prompt.progress
            self._node = f"node {prompt.current_node}" if prompt.HasField("current_node") else self._node


def node_words(event: PromptEvent) -> str:
    """Return what an event says of its node: "node 3 (KSampler)"."""
    return f"node {event.node_id} ({event.node_type})" if event.HasField("node_type") else f"node {event.node_id}"
