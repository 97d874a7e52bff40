"""Backups: everything that is kept, in one file that proves itself, taken while the system runs."""
