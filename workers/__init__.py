"""Workers execute Tasks: they claim them by lease, do the work in processes of their own, and report.

They know the server only through gRPC; they never open the database.
"""
