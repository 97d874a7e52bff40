"""What was decided about environments without anybody having asked, and from what."""
