"""Cloud development environments: what they are to be, where they stand, and what is decided about them.

Owns their rows and secrets. Knows no provider beyond its name: workers do the work, as Tasks, and report what they
found.
"""
