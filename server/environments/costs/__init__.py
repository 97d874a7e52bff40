"""What environments cost, by a table of prices."""
