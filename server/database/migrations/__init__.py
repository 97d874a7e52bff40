"""Revisions of the schema, one linear chain; each is written by the domain that owns its tables."""
