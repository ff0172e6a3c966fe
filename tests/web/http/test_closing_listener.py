"""A listening socket that ends: connections that began are served, later ones find the port closed."""

import socket
import sys
from time import monotonic

import pytest

from web.http.closing_listener import open_no_more

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such filters")


def test_what_began_is_served_and_nothing_else_begins():
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as waiting,
        socket.socket() as late,
    ):
        waiting.sendall(b"sent before it was accepted")
        assert open_no_more(listener)
        late.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.connect(listener.getsockname())
        served, _ = listener.accept()
        address = listener.getsockname()
        listener.close()
        with served:
            assert served.recv(100) == b"sent before it was accepted"
            served.sendall(b"answered")
            assert waiting.recv(100) == b"answered"
        began = monotonic()
        with socket.socket() as later, pytest.raises(ConnectionRefusedError):
            later.connect(address)
        assert monotonic() - began < 1
