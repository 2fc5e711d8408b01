import socket
from dataclasses import astuple, replace

from deploy.local.ports import Ports, is_free


def test_the_default_addresses() -> None:
    assert [Ports().address(name) for name in ("gateway", "embedder", "search")] == [
        "127.0.0.1:50050",
        "127.0.0.1:50051",
        "127.0.0.1:50052",
    ]
    assert Ports().health_address("search") == "127.0.0.1:50062"


def test_free_ports_are_eleven_different_ones_outside_the_range_of_outgoing_connections() -> None:
    ports = astuple(Ports.free())
    assert len(set(ports)) == 11
    assert max(ports) < 32768


def test_a_port_that_something_listens_on_is_taken() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not is_free(port)
        assert list(replace(Ports.free(), search=port).taken()) == [port]
    assert is_free(port)
