"""Starts and stops of environments by the clock."""
