"""What happens in sessions: stored one by one, in batches and from streams."""
