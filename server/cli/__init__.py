"""The `switchyard` command: starts the processes of the system, and speaks gRPC to the server like any other client.

It must not know how the server keeps its state: it imports none of its parts and starts processes by module name.
"""
