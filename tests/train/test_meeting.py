"""The network interface of an address, which gloo is told."""

from train.meeting import interface_of


def test_interface_of_the_loopback_address_is_the_loopback() -> None:
    assert interface_of("127.0.0.1") == "lo"


def test_interface_of_an_address_that_no_interface_has_is_unknown() -> None:
    assert interface_of("203.0.113.7") is None  # kept for documentation by RFC 5737
