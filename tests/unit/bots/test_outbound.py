"""Which addresses may be called."""

from ipaddress import ip_address

import pytest

from server.errors import AddressRefused, InvalidArgument
from server.outbound import OutboundRule, Reach, literal_address, reach, target

ADDRESSES = [
    ("8.8.8.8", Reach.PUBLIC),
    ("2606:4700:4700::1111", Reach.PUBLIC),
    ("127.0.0.1", Reach.LOOPBACK),
    ("127.255.0.9", Reach.LOOPBACK),
    ("::1", Reach.LOOPBACK),
    ("::ffff:127.0.0.1", Reach.LOOPBACK),
    ("10.1.2.3", Reach.INSIDE),
    ("172.16.0.1", Reach.INSIDE),
    ("192.168.1.1", Reach.INSIDE),
    ("100.64.0.1", Reach.INSIDE),  # shared by carriers, RFC 6598
    ("169.254.169.254", Reach.INSIDE),  # metadata of clouds
    ("fd00:ec2::254", Reach.INSIDE),  # the same over IPv6
    ("fe80::1", Reach.INSIDE),
    ("fec0::1", Reach.INSIDE),
    ("0.0.0.0", Reach.INSIDE),
    ("::", Reach.INSIDE),
    ("224.0.0.1", Reach.INSIDE),
    ("ff02::1", Reach.INSIDE),
    ("255.255.255.255", Reach.INSIDE),
    ("240.0.0.1", Reach.INSIDE),
    ("192.0.2.1", Reach.INSIDE),  # documentation
    ("198.18.0.1", Reach.INSIDE),  # benchmarks
    ("::ffff:10.0.0.1", Reach.INSIDE),  # mapped
    ("2002:0a00:0001::", Reach.INSIDE),  # 6to4 of 10.0.0.1
    ("2002:0808:0808::", Reach.PUBLIC),  # 6to4 of 8.8.8.8
    ("64:ff9b::a9fe:a9fe", Reach.INSIDE),  # NAT64 of 169.254.169.254
    ("64:ff9b::808:808", Reach.PUBLIC),
    ("64:ff9b:1::1", Reach.INSIDE),  # NAT64 of a local network
    ("2001:0:53aa:64c::1", Reach.INSIDE),  # Teredo
    ("::7f00:1", Reach.INSIDE),  # IPv4-compatible, withdrawn
    ("2001:db8::1", Reach.INSIDE),  # documentation
]


@pytest.mark.parametrize(("address", "where"), ADDRESSES)
def test_an_address_leads_where_its_range_says(address: str, where: Reach) -> None:
    assert reach(ip_address(address)) is where


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1"])
def test_odd_spellings_of_an_address_are_read_as_the_address(host: str) -> None:
    assert str(literal_address(host)) == "127.0.0.1"


@pytest.mark.parametrize("host", ["example.com", "localhost", "", "127.0.0.1 ", "1.2.3.4.5"])
def test_a_name_is_no_address(host: str) -> None:
    assert literal_address(host) is None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "example.com",
        "//example.com/",
        "http://",
        "http:///path",
        "http://exa mple.com/",
        "http://example.com\\@10.0.0.1/",
        "http://example.com:0/",
        "http://example.com:70000/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://example.com/\r\nHost: x",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        target(url)

    assert refusal.value.violations[0].field == "url"


async def test_loopback_is_open_only_while_bound_to_loopback() -> None:
    assert await OutboundRule(loopback_open=True).resolve("http://127.0.0.1:9/hook") == ["127.0.0.1"]

    with pytest.raises(AddressRefused):
        await OutboundRule(loopback_open=False).resolve("http://127.0.0.1:9/hook")


@pytest.mark.parametrize("url", ["http://2852039166/", "http://0xa9.0xfe.0xa9.0xfe/", "http://[::ffff:10.0.0.1]/"])
async def test_odd_spellings_of_inside_addresses_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        await OutboundRule(loopback_open=True).resolve(url)


@pytest.mark.parametrize("allow", [["10.0.0.0/8"], ["10.0.0.1"], ["*"], ["10.9.9.9/8"]])
async def test_a_listed_network_is_open(allow: list[str]) -> None:
    assert await OutboundRule(allow, loopback_open=False).resolve("http://10.0.0.1/") == ["10.0.0.1"]


async def test_a_listed_host_may_have_any_address() -> None:
    rule = OutboundRule(["LocalHost"], loopback_open=False)

    assert "127.0.0.1" in await rule.resolve("http://localhost/")


async def test_a_name_whose_address_is_refused_is_refused() -> None:
    with pytest.raises(AddressRefused):
        await OutboundRule(loopback_open=False).resolve("http://localhost/")


async def test_a_refusal_names_the_field() -> None:
    with pytest.raises(AddressRefused) as refusal:
        await OutboundRule(loopback_open=True).resolve("http://169.254.169.254/latest")

    assert [violation.field for violation in refusal.value.violations] == ["url"]


async def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        await OutboundRule(loopback_open=False).resolve("http://nothing.invalid/")


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "", " a", "*.example.com", "http://a/"])
def test_an_entry_that_is_no_host_or_network_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a host"):
        OutboundRule([entry], loopback_open=False)
