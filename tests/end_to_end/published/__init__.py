"""The five published API documents: each example they print is executed, as printed and from our own facts of it."""
