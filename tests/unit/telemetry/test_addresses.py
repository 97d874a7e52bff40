"""Addresses lose the credentials in them, whatever they look like, and nothing else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.telemetry.sessions.addresses import ProxyUnclear, bare_proxy, bare_target, bare_text, site_of


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
        # As browsers read them. Source: URL Standard, section 4.4.
        ("https:/u:p@example.com/a", "https:/example.com/a", "example.com"),
        ("https:u:p@example.com/a", "https:example.com/a", "example.com"),
        ("https:\\\\u:p@example.com\\a", "https:\\\\example.com\\a", "example.com"),
        ("https:////u:p@example.com", "https:////example.com", "example.com"),
        ("//u:p@example.com/a", "//example.com/a", "example.com"),
        ("HTTPS://u:p@Example.com/", "HTTPS://Example.com/", "example.com"),
        ("ht\ntps://u:p\t@exam\rple.com/", "https://example.com/", "example.com"),
        ("\x01 https://u:p@example.com/", "https://example.com/", "example.com"),
        ("view-source:https://u:p@example.com/", "example.com/", "example.com"),
        ("https://u:p\uff20example.com/", "https://example.com/", "example.com"),
        ("https://a@/u:p@example.com/", "https:///example.com/", "example.com"),
        # Addresses within the address.
        ("https://a.com/?to=https://u:p@b.com/x&c=d", "https://a.com/?to=https://b.com/x&c=d", "a.com"),
        ("https://a.com/?to=https%3A%2F%2Fu%3Ap%40b.com", "https://a.com/?to=https%3A%2F%2Fb.com", "a.com"),
        ("https://a.com/?to=https://b.com/@user", "https://a.com/?to=https://b.com/@user", "a.com"),
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


# Any text, and what tends to be in addresses.
anything = st.text() | st.text(st.sampled_from("ab1:@/\\?#%[]. \t\n\r\x00\uff20"))
# What ends the part with user and password is not in it, but as "%2F". Source: RFC 3986, section 3.2.1.
in_userinfo = st.text(st.characters(exclude_characters="/?#\\")).map(lambda text: text.replace("%", "%25"))
beginnings = st.sampled_from(
    [
        "",
        "//",
        "http://",
        "HTTP://",
        "https:/",
        "https:",
        "https:\\",
        "ht\ttps:////",
        " \x00https://",
        "view-source:https://",
    ]
)


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


@given(beginnings, in_userinfo, in_userinfo, anything)
def test_no_password_of_a_target_survives(beginning: str, user: str, password: str, behind: str) -> None:
    bare = bare_target(f"{beginning}{user}:{password}s3cret@example.com/{behind}") or ""

    assert "s3cret" not in bare


@given(beginnings, anything, anything)
def test_a_bare_target_has_nothing_before_its_host(beginning: str, front: str, behind: str) -> None:
    bare = bare_target(f"{beginning}{front}@{behind}")

    assert bare_target(bare or "") == bare
    assert "@" not in site_of(bare)


@given(anything, anything)
def test_no_password_of_an_address_in_a_text_survives(before: str, behind: str) -> None:
    assert "s3cret" not in bare_text(f"{before} https://user:s3cret@example.com {behind}")


@given(st.text())
def test_any_text_is_an_address_of_some_kind(text: str) -> None:
    site = site_of(bare_target(text))

    assert site == site.lower()
