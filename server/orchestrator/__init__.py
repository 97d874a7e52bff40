"""Workflows, their schedules and jobs, the robots that run them, and figures of all that.

A job is a Task of the kernel; nothing here keeps a second copy of its state.
"""
