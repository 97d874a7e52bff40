"""Whether the server can do its work."""
