"""A small feed to post to: the page that the walk-through and the tests work on. Keeps everything in memory.

It is a stranger to the rest: it imports nothing of Switchyard and nothing imports it, but for who starts it.
"""
