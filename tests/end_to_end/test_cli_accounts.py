"""Users, tokens, the audit log, browser sessions and proxies on the command line, against a running server."""

import csv
import io
from collections.abc import Iterator

import pytest

from tests.end_to_end.command_line import answer
from tests.end_to_end.command_line import carried_out as switchyard
from tests.end_to_end.system import System

UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"
PASSWORD = "long enough"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A server without a worker, whom nobody here would ask for anything."""
    with System(tmp_path_factory.mktemp("system")) as system:
        system.start_queue()
        system.start_server()
        yield system


def create(system: System, name: str, *words: str) -> None:
    """A user whose password is PASSWORD; an operator unless `words` say otherwise."""
    answer(system, "users", "create", name, "--password-stdin", *(words or ("--role", "operator")), typed=PASSWORD)


def logs_in(system: System, name: str, password: str) -> bool:
    body = {"username": name, "password": password}
    return system.client.post("/api/v1/auth/login", json=body).status_code == 200


def test_the_roles_and_the_tenant_of_a_user_are_changed(system: System) -> None:
    create(system, "anna")

    narrowed = answer(system, "users", "update", "anna", "--role", "developer", "--tenant", "t-1")
    widened = answer(system, "users", "update", "anna", "--tenant", "")

    assert (narrowed["roles"], narrowed["tenant_id"]) == (["developer"], "t-1")
    assert (widened["roles"], widened["tenant_id"]) == (["developer"], None)


def test_an_admin_sets_a_password_from_standard_input(system: System) -> None:
    create(system, "bert")

    code, out, err = switchyard(system, "users", "update", "bert", "--password-stdin", typed="another one\n")

    assert (code, out, err) == (0, "changed bert: operator\n", "")
    assert logs_in(system, "bert", "another one")


def test_somebody_changes_their_own_password_with_the_present_one(system: System) -> None:
    create(system, "cleo")

    changed = switchyard(system, "users", "password", "cleo", "--password-stdin", typed=f"{PASSWORD}\nanother one\n")
    wrong = switchyard(system, "users", "password", "cleo", "--password-stdin", typed=f"{PASSWORD}\nyet another\n")

    assert changed == (0, "changed the password of cleo\n", "")
    assert wrong == (4, "", "switchyard: Invalid username or password\n")
    assert logs_in(system, "cleo", "another one")


def test_a_token_is_made_used_listed_and_revoked(system: System) -> None:
    scope = ("--scope", "bots", "--scope", "auth:read")
    code, secret, err = switchyard(system, "tokens", "create", "ci", "--role", "developer", *scope, "--days", "7")
    (token,) = [each for each in answer(system, "tokens", "list") if each["name"] == "ci"]
    me = answer(system, "users", "me", "--api-key", secret.strip())
    revoked = answer(system, "tokens", "revoke", token["token_id"])
    afterwards = switchyard(system, "users", "me", "--api-key", secret.strip())

    assert code == 0
    assert len(secret.split()) == 1
    assert f"token {token['token_id']} ends 2" in err
    assert secret.strip() not in err
    assert (token["role"], token["scopes"], token["created_by"]) == (
        "developer",
        ["bots", "auth:read"],
        "api-key",
    )
    assert (me["user_id"], me["roles"][0]) == ("token:ci", "developer")
    assert revoked == {"ok": True}
    assert afterwards[0] == 4


def test_people_see_what_a_token_may_and_when_it_ends(system: System) -> None:
    answer(system, "tokens", "create", "endless", "--days", "0")

    line = next(line for line in switchyard(system, "tokens", "list")[1].splitlines() if "endless" in line)

    assert line.split()[1:] == ["endless", "viewer", "all", "everything", "api-key", "never", "never"]


def test_the_audit_log_is_filtered_and_exported(system: System) -> None:
    create(system, "dora")
    answer(system, "users", "delete", "dora")
    deletion = ("--action", "auth.v1.UserService/DeleteUser", "--outcome", "done")

    listed = answer(system, "audit", "list", *deletion)["entries"]
    shown = switchyard(system, "audit", "list", *deletion, "--limit", "1")
    exported = list(csv.DictReader(io.StringIO(switchyard(system, "audit", "export", *deletion)[1])))
    # An instant of the table is one that a filter takes.
    newest = " ".join(shown[1].splitlines()[1].split()[:2])
    since = answer(system, "audit", "list", *deletion, "--since", newest)["entries"]
    before = answer(system, "audit", "list", *deletion, "--until", listed[0]["timestamp"][:19] + "Z")["entries"]

    assert (listed[0]["actor"], listed[0]["resource"]) == ("api-key", "username=dora")
    assert [int(row["entry_id"]) for row in exported] == [entry["entry_id"] for entry in reversed(listed)]
    assert listed[0] in since
    assert listed[0] not in before


def test_a_browser_session_is_shown_with_its_events_exported_and_deleted(system: System) -> None:
    register(system, "s-1", proxy="1.2.3.4:12321")

    (listed,) = answer(system, "sessions", "list", "--search", "1.2.3.4", "--status", "active")["sessions"]
    shown = switchyard(system, "sessions", "show", "s-1")[1]
    events = answer(system, "events", "list", "--session", "s-1", "--type", "page_load")["events"]
    (session_row,) = csv.DictReader(io.StringIO(switchyard(system, "sessions", "export")[1]))
    (event_row,) = csv.DictReader(io.StringIO(switchyard(system, "events", "export", "--session", "s-1")[1]))
    deleted = answer(system, "sessions", "delete", "s-1")

    assert (listed["id"], listed["proxy"]) == ("s-1", "1.2.3.4:12321")
    assert "url: http://127.0.0.1/ä, load_time_ms: 120" in shown
    assert events[0]["details"] == {"url": "http://127.0.0.1/ä", "load_time_ms": 120}
    assert (session_row["session_id"], event_row["session_id"]) == ("s-1", "s-1")
    assert "ä" in event_row["details"]
    assert deleted == {"ok": True}
    assert switchyard(system, "sessions", "show", "s-1")[0] == 3


def register(system: System, session_id: str, **more: str) -> None:
    """A session in which a page was loaded."""
    key = {"x-api-key": credential(system)}
    body = {"session_id": session_id, "profile_id": "p", **more}
    event = {"session_id": session_id, "event_type": "page_load"}
    details = {"url": "http://127.0.0.1/ä", "load_time_ms": 120}
    system.client.post("/api/sessions/register", json=body, headers=key).raise_for_status()
    system.client.post("/api/events", json={**event, "details": details}, headers=key).raise_for_status()


def credential(system: System) -> str:
    lines = (system.data_dir / "credentials.env").read_text().splitlines()
    return next(line for line in lines if line.startswith("API_KEY=")).removeprefix("API_KEY=").strip("\"'")


def test_a_proxy_is_set_up_shown_changed_and_removed(system: System) -> None:
    words = ("--country", "NL", "--username", "me", "--password-stdin", "--max-leases", "2")
    code, out, err = switchyard(system, "proxies", "add", "socks5://10.0.0.9:1080", *words, typed="of the proxy\n")
    number = out.strip()
    shown = answer(system, "proxies", "show", number)
    people = switchyard(system, "proxies", "show", number)[1]
    changed = answer(system, "proxies", "update", number, "--disable", "--max-leases", "3")
    listed = switchyard(system, "proxies", "list")[1]
    answer(system, "proxies", "remove", number)

    assert (code, err) == (0, "")
    assert (shown["url"], shown["has_password"], shown["max_leases"]) == ("socks5://10.0.0.9:1080", True, 2)
    assert shown["health"]["verdict"] == "unproven"
    assert "me, with a password" in people
    assert "of the proxy" not in people
    assert (changed["enabled"], changed["max_leases"], changed["country"]) == (False, 3, "NL")
    assert "0 of 3" in listed
    assert switchyard(system, "proxies", "show", number)[0] == 3


@pytest.mark.parametrize(
    ("words", "exit_code", "sentence"),
    [
        (("users", "update", "nobody", "--role", "viewer"), 3, "User not found: nobody"),
        (("users", "update", "admin", "--role", "viewer"), 1, "admin"),
        (("users", "update", "admin"), 2, "nothing to change"),
        (("users", "update", "admin", "--password"), 2, "no terminal"),
        (("users", "update", "admin", "--password-stdin"), 2, "password"),
        (("users", "password", "admin"), 2, "no terminal"),
        (("users", "me", "--api-key", "wrong"), 4, "--api-key"),
        (("tokens", "create", "x", "--scope", "nothing"), 2, "scopes must be"),
        (("tokens", "create", "x", "--role", "king"), 2, "king"),
        (("tokens", "create", "x", "--days", "4000"), 2, "--days"),
        (("tokens", "revoke", UNKNOWN), 3, "API token not found"),
        (("audit", "list", "--since", "yesterday"), 2, "yesterday"),
        (("audit", "export", "--api-key", "wrong"), 4, "--api-key"),
        (("sessions", "delete", "s-9"), 3, ""),
        (("proxies", "add", "not an address"), 2, "url must"),
        (("proxies", "update", "7"), 2, "nothing to change"),
        (("proxies", "remove", "7"), 3, ""),
    ],
)
def test_a_refusal_is_one_line_and_an_exit_code(
    system: System, words: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    code, out, err = switchyard(system, *words)

    assert (code, out) == (exit_code, ""), err
    assert err.startswith("switchyard: ")
    assert sentence in err
    assert len(err.splitlines()) == 1
