"""What environments are made from."""
