"""What an update makes of a proxy."""

import pytest

from server.errors import InvalidArgument
from server.telemetry.proxies import proxy_change
from server.telemetry.proxies.proxy_row import ProxyRow
from switchyard.telemetry.v1.proxy_service_pb2 import UpdateProxyRequest

ROW = ProxyRow(
    id=7,
    url="1.2.3.4:1",
    country="US",
    session_country="DE",
    username="ann",
    password=b"old",
    enabled=False,
    removed=False,
    managed=True,
    max_leases=3,
    uses=9,
    successes=4,
    failures=5,
    failures_in_row=3,
    disabled_until=99,
    last_used=50,
    load_time_micros=1,
    load_count=1,
)


def request(*paths: str, masked: bool = True, **fields: object) -> UpdateProxyRequest:
    update = UpdateProxyRequest(id=7, **fields)  # type: ignore[arg-type]
    if masked:
        update.update_mask.SetInParent()
        update.update_mask.paths.extend(paths)
    return update


def changes(update: UpdateProxyRequest) -> dict[str, object]:
    changed = proxy_change.changed(ROW, update, password=b"new" if update.password else None)
    return {
        name: getattr(changed, name)
        for name in ProxyRow.__dataclass_fields__
        if getattr(changed, name) != getattr(ROW, name)
    }


def test_without_a_mask_what_has_a_value_is_meant() -> None:
    assert changes(request(masked=False, country="NL", max_leases=1)) == {"country": "NL", "max_leases": 1}


def test_an_empty_mask_changes_nothing() -> None:
    assert changes(request(country="NL")) == {}


def test_what_the_mask_does_not_name_stays() -> None:
    assert changes(request("username", country="NL", username="bob")) == {"username": "bob"}


@pytest.mark.parametrize("name", ["country", "username", "password", "max_leases"])
def test_what_the_mask_names_and_has_no_value_is_cleared(name: str) -> None:
    assert changes(request(name)) == {name: None}


@pytest.mark.parametrize("name", ["country", "username", "password"])
def test_an_empty_text_clears(name: str) -> None:
    assert changes(request(masked=False, **{name: ""})) == {name: None}


def test_a_password_is_replaced_by_the_encrypted_one() -> None:
    assert changes(request(masked=False, password="secret")) == {"password": b"new"}


def test_enabling_ends_what_failures_did() -> None:
    assert changes(request(masked=False, enabled=True)) == {
        "enabled": True,
        "failures_in_row": 0,
        "disabled_until": None,
    }


def test_switching_off_leaves_what_failures_did() -> None:
    assert changes(request("enabled", enabled=False)) == {}


def test_a_star_means_everything() -> None:
    """AIP-134: a full replacement."""
    assert changes(request("*", enabled=False, max_leases=1)) == {
        "country": None,
        "username": None,
        "password": None,
        "max_leases": 1,
    }


@pytest.mark.parametrize(
    "paths", [["id"], ["url"], ["update_mask"], ["country.x"], [""], ["*", "country"], ["country", "*"]]
)
def test_a_mask_that_names_anything_else_is_refused(paths: list[str]) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        proxy_change.meant(request(*paths))

    assert refusal.value.violations[0].field == "update_mask"


def test_enabled_cannot_be_cleared() -> None:
    with pytest.raises(InvalidArgument, match="enabled must be given"):
        proxy_change.meant(request("enabled"))


def test_a_nul_becomes_a_character_that_both_databases_keep() -> None:
    assert changes(request(masked=False, username="a\x00b")) == {"username": "a\ufffdb"}
