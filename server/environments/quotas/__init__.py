"""What each user may have at most."""
