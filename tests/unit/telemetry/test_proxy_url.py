"""How the address of a proxy is written."""

import pytest

from server.errors import InvalidArgument
from server.telemetry.proxies.proxy_url import normal_url


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("1.2.3.4:12321", "1.2.3.4:12321"),
        ("Proxy.Example.COM:080", "proxy.example.com:80"),
        ("socks5://Proxy.Example.com:1080", "socks5://proxy.example.com:1080"),  # no scheme is added or taken away
        ("[2001:DB8:0::1]:8080", "[2001:db8::1]:8080"),
        ("http://[::FFFF:1.2.3.4]:65535", "http://[::ffff:102:304]:65535"),
        ("a:1", "a:1"),
    ],
)
def test_an_address_is_written_in_one_way(given: str, normal: str) -> None:
    assert normal_url(given) == normal
    assert normal_url(normal) == normal


@pytest.mark.parametrize("url", ["1.2.3.4:0", "1.2.3.4:65536", "[:::]:80", "[1.2.3.4]:80", "[::1]:00000"])
def test_a_port_or_host_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        normal_url(url)

    assert [violation.field for violation in refusal.value.violations] == ["url"]
