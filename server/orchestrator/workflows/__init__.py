"""Workflows: their files, their versions, what sets them off, and the types of nodes they are made of."""
