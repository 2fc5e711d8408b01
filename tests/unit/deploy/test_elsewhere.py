import socket

import pytest

from deploy.local.elsewhere import require_listener
from deploy.local.errors import StackError


def test_what_listens_is_enough() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        require_listener("Redis", f"redis://user:secret@127.0.0.1:{port}/0", 6379)
        require_listener("Redis", "redis://127.0.0.1", port)
    with pytest.raises(StackError) as caught:
        require_listener("Redis", f"redis://user:secret@127.0.0.1:{port}/0", 6379)
    assert str(caught.value) == f"Redis does not answer at 127.0.0.1:{port}: Connection refused"


@pytest.mark.parametrize(
    "address", [None, "", "unix:///run/redis.sock", "/data/likeness.db", "redis://a:1,b:2/0", "redis://a,b:2/0"]
)
def test_what_is_no_single_host_is_left_to_its_service(address: str | None) -> None:
    require_listener("Redis", address, 1)
