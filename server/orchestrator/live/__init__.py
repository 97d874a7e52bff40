"""Jobs, robots and the queue, as they change."""
