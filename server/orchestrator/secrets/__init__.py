"""Secrets of tenants: kept encrypted, never returned to people, given to the runs of the workflows that name them."""
