"""Figures of robots and jobs, and what has happened lately."""
