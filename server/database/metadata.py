"""Every table of the server, declared by the resources in their `tables.py`."""

from typing import Final

import sqlalchemy as sa

# Names that do not depend on the database, so that a migration can address them.
NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

METADATA: Final = sa.MetaData(naming_convention=NAMING)

# SQLite numbers rows by itself only in a column of exactly this type.
NUMBER: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
