"""What happens to sessions, as it happens."""
