"""Which addresses are allowed: spelled in one way, under a prefix, and on hosts that may be reached."""

import ipaddress

import pytest

from embedder_service.networks import ReachableNetworks
from embedder_service.ports import UriNotAllowed
from embedder_service.uris import MAX_CHARS, AllowedPrefixes

PREFIXES = AllowedPrefixes(
    ["https://images.test/photos", "https://images.test:8443/", "file:///srv/photos/", "http://[2001:db8::1]/a/"]
)

ALLOWED = [
    "https://images.test/photos",
    "https://images.test/photos/cat.jpg",
    "https://images.test:443/photos/cat.jpg",
    "https://IMAGES.test/photos/cat.jpg",
    "https://images.test/photos/2024/a%20b%2Fc.jpg?X-Signature=abc%2F%3D&e=1",
    "https://images.test:8443/anything",
    "file:///srv/photos/my%20cat.jpg",
    "http://[2001:db8::1]/a/b",
]
REFUSED = [
    "",
    "cat.jpg",
    "/srv/photos/cat.jpg",
    "https:///photos/cat.jpg",
    "https://images.test/photos2/cat.jpg",
    "https://images.test/",
    "https://images.test./photos/cat.jpg",
    "https://images.test.evil.test/photos/cat.jpg",
    "https://images.test@evil.test/photos/cat.jpg",
    "https://user:secret@images.test/photos/cat.jpg",
    "https://evil.test/?https://images.test/photos/",
    "https://evil.test#https://images.test/photos/cat.jpg",
    "https://images.test/photos/../secret",
    "https://images.test/photos/%2e%2e/secret",
    "https://images.test/photos/..%2fsecret",
    "https://images.test/photos/..%5Csecret",
    "https://images.test/photos\\..\\secret",
    "https://images.test/photos/..;/secret",
    "https://images.test/photos/..%3bv=1/secret",
    "https://images.test/photos/%252e%252e/secret",
    "https://images.test/photos/%25252e%252e%252fsecret",
    f"https://images.test/photos/%{'25' * 20}2e/secret",
    "https://images.test:80/photos/cat.jpg",
    "https://images.test:99999/photos/cat.jpg",
    "https://images.test:/photos/cat.jpg",
    "http://images.test/photos/cat.jpg",
    "ftp://images.test/photos/cat.jpg",
    "gopher://images.test/photos/cat.jpg",
    "data:image/png;base64,AAAA",
    "file://images.test/srv/photos/cat.jpg",
    "file:///srv/photos/../secret",
    "file:///srv/photos2/cat.jpg",
    "file:/srv/photos/cat.jpg",
    "https://images.test/photos/cat.jpg\r\nHost: evil.test",
    "https://images.test/photos/ cat.jpg",
    "https://ímages.test/photos/cat.jpg",
    "https://images.test/photos/" + "a" * MAX_CHARS,
]


@pytest.mark.parametrize("uri", ALLOWED)
def test_what_is_under_a_prefix_is_allowed(uri: str) -> None:
    PREFIXES.require(uri)


@pytest.mark.parametrize("uri", REFUSED)
def test_what_is_not_is_refused_in_words_that_do_not_repeat_it(uri: str) -> None:
    with pytest.raises(UriNotAllowed) as caught:
        PREFIXES.require(uri)
    assert caught.value.message == "uri: is under no prefix that this server may read"


def test_an_address_is_used_as_it_was_judged() -> None:
    uri = "https://IMAGES.test/photos/a%20b%2Fc.jpg?X-Signature=abc%2F%3D&e=1"
    assert str(PREFIXES.require(uri)) == "https://images.test:443/photos/a%20b%2Fc.jpg?X-Signature=abc%2F%3D&e=1"
    assert PREFIXES.require("file:///srv/photos/my%20cat.jpg").file == "/srv/photos/my cat.jpg"


@pytest.mark.parametrize("prefix", ["images.test/", "s3://bucket/", "https://u@images.test/", "file:///a/../b"])
def test_a_prefix_must_be_plain_itself(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"must|plain"):
        AllowedPrefixes([prefix])


PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::10.0.0.1", "2002:7f00:1::", "2002:a00:1::1"),
    *("2001::1", "2001:db8::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1"),
    *("168.63.129.16", "64:ff9b:1:a00:1:0:808:808", "64:ff9b:1::8.8.8.8"),
    *("5f00::1", "3fff::1", "localhost", ""),
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_address_that_is_not_public_is_reached(address: str) -> None:
    assert not ReachableNetworks().allow(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address: str) -> None:
    assert ReachableNetworks().allow(address)


def test_networks_that_are_named_are_reached_and_no_others() -> None:
    networks = ReachableNetworks([ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8")])
    reached = [networks.allow(a) for a in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "10.2.0.1", "fe80::1")]
    assert reached == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("prefixes", "outside"), [([], False), (["file:///srv/"], False), (["file:///srv/", "https://images.test/"], True)]
)
def test_whether_any_other_machine_may_be_asked(prefixes: list[str], outside: bool) -> None:
    assert AllowedPrefixes(prefixes).lead_outside is outside
