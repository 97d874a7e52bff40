"""A robot for another machine: it needs the address of a server and a credential, and nothing else of the installation.

Speaks to RobotService only, and may stand as an example for robots in other languages.
"""
