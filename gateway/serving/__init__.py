"""The connections of the gateway's programs, which uvicorn gives bytes to: HTTP/1.1 of our own, and its WebSocket made
to keep what it is asked to itself.
"""
