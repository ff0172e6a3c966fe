"""What a WebSocket agrees on with its client, and that nothing is kept between messages."""

import os

import pytest
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
)
from websockets.frames import Frame, Opcode
from websockets.headers import parse_extension

from web.http.message_compression import MessageCompression

OFFERS = {
    "Chromium, ws": "permessage-deflate; client_max_window_bits",
    "Firefox": "permessage-deflate",
    "small windows": "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10",
    "nothing kept": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
}
LONG = b'{"type":"next","payload":"runs"}' * 400


def agreed(offer: str) -> tuple[PerMessageDeflate, PerMessageDeflate]:
    """Both sides' extensions after a handshake in which the client offered `offer`."""
    [(_, asked)] = parse_extension(offer)
    answer, server = MessageCompression().process_request_params(asked, [])
    wanted = {name: int(value) if value else True for name, value in asked}
    client = ClientPerMessageDeflateFactory(**wanted).process_response_params(answer, [])
    return server, client


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_clients_agree_that_nothing_is_kept_between_messages(offer):
    server, client = agreed(offer)
    for sender, receiver in ((server, client), (client, server)):
        for _ in range(2):
            frame = sender.encode(Frame(Opcode.TEXT, LONG))
            assert len(frame.data) < len(LONG) / 10
            assert receiver.decode(frame).data == LONG
    held = {name for name in ("encoder", "decoder") if hasattr(server, name)}
    assert not held


@pytest.mark.parametrize("data", [LONG[:200], LONG * 22], ids=["short", "very long"])
def test_short_and_very_long_messages_are_sent_as_they_are(data):
    """What gains nothing, and what would take the event loop for long."""
    server, client = agreed(OFFERS["Firefox"])
    plain = Frame(Opcode.TEXT, data)
    assert server.encode(plain) == plain
    assert client.decode(plain).data == data


def test_a_message_in_parts_is_compressed_as_one():
    server, client = agreed(OFFERS["Firefox"])
    first, second = os.urandom(100).hex().encode(), b"b" * 100
    parts = [
        server.encode(Frame(Opcode.TEXT, first, fin=False)),
        server.encode(Frame(Opcode.CONT, second)),
    ]
    assert b"".join(bytes(client.decode(each).data) for each in parts) == first + second
