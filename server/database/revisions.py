"""Runs the revisions a database does not have yet.

The revisions in `migrations/versions` form one chain, run by alembic without an environment file. The caller holds the
lock and the transaction, so a revision takes place wholly or not at all and only once.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from server.database.schema import MIGRATIONS, SchemaTooNew


def run(connection: sa.Connection) -> None:
    """Run every revision that `connection`, in a transaction of its own, does not have yet.

    Raises:
        SchemaTooNew: the database has a revision that is not among ours.
    """
    script = ScriptDirectory(str(MIGRATIONS))
    known = {revision.revision for revision in script.walk_revisions()}
    for head in MigrationContext.configure(connection).get_current_heads():
        if head not in known:
            raise SchemaTooNew(head, script.get_current_head() or "none")

    def revisions(current: Any, _: MigrationContext) -> Sequence[Any]:
        return script._upgrade_revs("head", current)

    with EnvironmentContext(Config(), script, fn=revisions, destination_rev="head") as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
