"""Which URLs name a database."""

import pytest

from server.database.database import DatabaseUrlInvalid, open_database


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///relative.db", "mysql://localhost/x", "nonsense"])
async def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlInvalid):
        await open_database(url)
