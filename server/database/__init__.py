"""The one database of the server: SQLite by default, Postgres by `DATABASE_URL`.

It knows nothing of the resources kept in it; each declares its tables beside its store.
"""
