"""What sessions and events amount to, and whether that is true."""
