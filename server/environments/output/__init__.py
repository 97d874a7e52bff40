"""What environments print, and commands in them."""
