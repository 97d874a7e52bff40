"""`switchyard sessions`, `events`, `proxies`: browsers, also of others than bots, and how they go out."""
