"""Robots: who is there, what they are given to do, and what they report.

What a robot does is computed from its last heartbeat and the live leases of the kernel; it is kept nowhere.
"""
