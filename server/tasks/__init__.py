"""The Task kernel: one life for all work, its log, its files, and the queue that wakes workers.

It knows nothing of what a Task does; a kind and a payload are opaque to it.
"""
