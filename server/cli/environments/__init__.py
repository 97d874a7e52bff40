"""`switchyard env`: development environments and what belongs to them."""
