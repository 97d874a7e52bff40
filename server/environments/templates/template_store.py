"""Where templates are kept: functions over a connection, each part of its caller's transaction."""

from typing import Any, Final

import sqlalchemy as sa

from server.clock import to_timestamp
from server.database.locks import lock
from server.database.text import storable
from server.environments.tables import ENVIRONMENT_TEMPLATES
from server.errors import AlreadyExists, NotFound
from switchyard.environments.v1.template_service_pb2 import Template


def insert(connection: sa.Connection, template: Template, *, now: int) -> Template:
    """Store a template and return it.

    Raises:
        AlreadyExists: there is one of that id.
    """
    lock(connection, f"environment_templates:{template.template_id}")
    if get(connection, template.template_id) is not None:
        name = template.template_id
        raise AlreadyExists(f"a template with ID '{name}' is there already", template_id=name)
    connection.execute(
        sa.insert(ENVIRONMENT_TEMPLATES),
        {"id": template.template_id, "definition": _packed(template), "create_time": now, "update_time": now},
    )
    return require(connection, template.template_id)


def replace(connection: sa.Connection, template: Template, *, now: int) -> Template:
    """Store a template in place of the one of its id and return it. Raises NotFound."""
    values = {"at_id": template.template_id, "new_definition": _packed(template), "now": now}
    if connection.execute(_REPLACE, values).rowcount == 0:
        raise _unknown(template.template_id)
    return require(connection, template.template_id)


def get(connection: sa.Connection, template_id: str) -> Template | None:
    """Return the template of that id, None when there is none."""
    found = connection.execute(_BY_ID, {"at_id": storable(template_id)}).first()
    return None if found is None else _template(found)


def require(connection: sa.Connection, template_id: str) -> Template:
    """Return the template of that id. Raises NotFound."""
    template = get(connection, template_id)
    if template is None:
        raise _unknown(template_id)
    return template


def page(connection: sa.Connection, *, after: str, limit: int) -> list[Template]:
    """Return at most `limit` templates by their ids, those behind `after`."""
    return [_template(found) for found in connection.execute(_PAGE, {"after": storable(after), "limit": limit})]


def delete(connection: sa.Connection, template_id: str) -> None:
    """Forget a template. Raises NotFound."""
    if connection.execute(_DELETE, {"at_id": storable(template_id)}).rowcount == 0:
        raise _unknown(template_id)


def _template(row: sa.Row[Any]) -> Template:
    template = Template.FromString(row.definition)
    template.created_at.CopyFrom(to_timestamp(row.create_time))
    template.updated_at.CopyFrom(to_timestamp(row.update_time))
    return template


def _packed(template: Template) -> bytes:
    packed = Template()
    packed.CopyFrom(template)
    packed.ClearField("created_at")
    packed.ClearField("updated_at")
    return packed.SerializeToString()


def _unknown(template_id: str) -> NotFound:
    return NotFound(f"template with ID '{template_id}' not found", template_id=template_id)


_AT_ID: Final = ENVIRONMENT_TEMPLATES.c.id == sa.bindparam("at_id")
_ALL: Final = sa.select(*ENVIRONMENT_TEMPLATES.c)
_BY_ID: Final = _ALL.where(_AT_ID)
_PAGE: Final = (
    _ALL.where(ENVIRONMENT_TEMPLATES.c.id > sa.bindparam("after"))
    .order_by(ENVIRONMENT_TEMPLATES.c.id)
    .limit(sa.bindparam("limit"))
)
_REPLACE: Final = (
    sa.update(ENVIRONMENT_TEMPLATES)
    .where(_AT_ID)
    .values(definition=sa.bindparam("new_definition"), update_time=sa.bindparam("now"))
)
_DELETE: Final = sa.delete(ENVIRONMENT_TEMPLATES).where(_AT_ID)
