"""The official conformance suite of protobuf against the codec: `python -m tests.conformance`.

It fetches the runner from npm the first time, and needs node. It is no part of the test suite: that has no network.
"""
