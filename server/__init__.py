"""The server owns all state: gRPC services, one folder per resource, and the only side that opens the database.

It knows nothing of HTTP (the gateway's) and never does the work of a Task (the workers').
"""
