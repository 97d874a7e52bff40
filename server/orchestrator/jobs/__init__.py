"""Jobs: workflow Tasks of the kernel in the words of the orchestrator."""
