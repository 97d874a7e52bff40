"""Schedules: workflows by the clock, and a ledger of what became of each fire time."""
