"""A stand-in of Azure on loopback: its resource manager with container groups, and its file service.

Follows the public API. What is there is kept in memory; nothing runs but a shell for whoever opens a terminal. Knows
nothing of Switchyard.
"""
