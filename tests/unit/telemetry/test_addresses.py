"""Addresses lose the credentials in them, whatever they look like, and nothing else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.telemetry.sessions.addresses import ProxyUnclear, bare_proxy, bare_target, site_of


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("1.2.3.4:12321", "1.2.3.4:12321"),
        ("http://h:1", "http://h:1"),
        ("http://u:p@h:1", "http://h:1"),
        ("u:p@h:1", "h:1"),
        ("u@h:1", "h:1"),
        (":p@h:1", "h:1"),
        ("socks5://u:p@[2001:db8::1]:1080", "socks5://[2001:db8::1]:1080"),
        ("[2001:db8::1]:1080", "[2001:db8::1]:1080"),
        ("2001:db8::1", "2001:db8::1"),
        # Passwords hold what they like.
        ("http://u:p@ss@h:1", "http://h:1"),
        ("http://u:p/a?b#c@h:1", "http://h:1"),
        ("u:p://x@h:1", "h:1"),
        # As sellers of proxies print them.
        ("1.2.3.4:12321:user:pass", "1.2.3.4:12321"),
        ("http://gate.example.com:80:user:pa:ss", "http://gate.example.com:80"),
        ("[2001:db8::1]:80:user:pass", "[2001:db8::1]:80"),
        ("1.2.3.4:12321:user:p@ss", "1.2.3.4:12321"),
        ("  h:1\n", "h:1"),
        ("http://h:1/", "http://h:1"),
        ("user:pw:1.2.3.4:80", "1.2.3.4:80"),
        ("user:12345:1.2.3.4:80", "1.2.3.4:80"),
        ("socks5://user:pw:1.2.3.4:80", "socks5://1.2.3.4:80"),
        ("user:pw:gate.example.com:7000", "gate.example.com:7000"),
        ("gate:7000:user:pw", "gate:7000"),
        ("1.2.3.4:80@user:pw", "1.2.3.4:80"),
        # A name of the client's own.
        ("Proxy-7", "proxy-7"),
        ("gate.example.com", "gate.example.com"),
        ("", None),
    ],
)
def test_a_proxy_is_kept_without_user_and_password(sent: str, kept: str | None) -> None:
    assert bare_proxy(sent) == kept


@pytest.mark.parametrize(
    "sent",
    [
        "u:p@",
        "1.2.3.4:80/user:pw",
        "1.2.3.4:80 user pw",
        "http://1.2.3.4:80/?u=x&p=secret",
        "user:123:gate:80",
        "two words",
    ],
)
def test_what_may_hold_a_password_and_is_no_address_for_certain_is_refused(sent: str) -> None:
    with pytest.raises(ProxyUnclear):
        bare_proxy(sent)


@pytest.mark.parametrize(
    ("sent", "kept", "site"),
    [
        ("https://Example.COM/a?b=c#d", "https://Example.COM/a?b=c#d", "example.com"),
        ("https://u:p@example.com:8443/a", "https://example.com:8443/a", "example.com"),
        ("https://u@example.com", "https://example.com", "example.com"),
        # An "@" behind the host is part of the path.
        ("https://example.com/@user", "https://example.com/@user", "example.com"),
        ("https://u:p@example.com/@user", "https://example.com/@user", "example.com"),
        ("https://example.com?mail=a@b.c", "https://example.com?mail=a@b.c", "example.com"),
        ("example.com/path", "example.com/path", "example.com"),
        ("u:p@example.com/path", "example.com/path", "example.com"),
        ("http://[2001:DB8::1]:80/", "http://[2001:DB8::1]:80/", "2001:db8::1"),
        # What cannot be read has no site, and keeps nothing that may be a password.
        ("http://u:p/x@example.com/", "http://example.com/", "example.com"),
        ("http://[bad", "http://[bad", ""),
        ("http://example.com:port/", "http://example.com:port/", ""),
        ("about:blank", "about:blank", ""),
        ("http://", "http://", ""),
        ("", None, ""),
        (" \n", None, ""),
    ],
)
def test_a_target_is_kept_without_user_and_password(sent: str, kept: str | None, site: str) -> None:
    bare = bare_target(sent)

    assert bare == kept
    assert site_of(bare) == site


@given(st.text(), st.text())
def test_no_password_survives(user: str, password: str) -> None:
    secret = f"{password}s3cret"

    for sent in (
        f"http://{user}:{secret}@1.2.3.4:80",
        f"{user}:{secret}@1.2.3.4:80",
        f"1.2.3.4:80:{user}:{secret}",
        f"{user}:{secret}:1.2.3.4:80",
    ):
        with suppress(ProxyUnclear):
            assert "s3cret" not in (bare_proxy(sent) or "")


@given(st.text())
def test_any_text_is_an_address_of_some_kind(text: str) -> None:
    site = site_of(bare_target(text))

    assert site == site.lower()
