"""Writes of one turn go out together, in their order, and none is lost where the connection closes."""

import asyncio
import socket

import pytest

from web.http.write_batching import GatheredWrites

pytestmark = pytest.mark.anyio


class _Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = GatheredWrites(transport, asyncio.get_running_loop(), lambda: False)


@pytest.fixture
async def ends():
    """The writing end, and a socket that reads what comes out."""
    made = _Server()
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(lambda: made, ours)
    theirs.setblocking(False)
    yield made.transport, theirs
    transport.abort()
    theirs.close()
    await asyncio.sleep(0)


def received(reader: socket.socket) -> bytes:
    try:
        return reader.recv(10**6)
    except BlockingIOError:
        return b""


async def test_nothing_goes_out_within_the_turn_and_all_of_it_after(ends):
    writer, reader = ends
    writer.write(b"head ")
    writer.write(b"body")
    assert received(reader) == b""
    await asyncio.sleep(0)
    assert received(reader) == b"head body"


async def test_turns_keep_their_order(ends):
    writer, reader = ends
    for number in range(5):
        writer.write(b"%d" % number)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert received(reader) == b"01234"


async def test_connections_of_one_turn_are_served_though_one_of_them_fails():
    loop, failures = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    pairs = [socket.socketpair() for _ in range(3)]
    servers = [_Server() for _ in pairs]
    for server, (ours, theirs) in zip(servers, pairs, strict=True):
        await loop.connect_accepted_socket(lambda made=server: made, ours)
        theirs.setblocking(False)
    servers[1].transport.write("no bytes")
    for number in (0, 2):
        servers[number].transport.write(b"%d" % number)
    await asyncio.sleep(0)
    assert [received(theirs) for _, theirs in pairs] == [b"0", b"", b"2"]
    assert [type(each) for each in failures] == [TypeError]
    for server, (_, theirs) in zip(servers, pairs, strict=True):
        server.transport.abort()
        theirs.close()
    await asyncio.sleep(0)


async def test_what_was_written_goes_out_before_the_end(ends):
    writer, reader = ends
    writer.write(b"the last")
    writer.close()
    await asyncio.sleep(0.01)
    assert received(reader) == b"the last"
    assert reader.recv(1) == b""


async def test_much_is_not_held_back(ends):
    writer, reader = ends
    writer.write(b"x" * 65 * 1024)
    assert len(received(reader)) > 0


async def test_what_was_written_to_a_connection_that_is_lost_by_then_is_dropped(ends):
    writer, _ = ends
    failures = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    writer.write(b"too late")
    writer.abort()
    await asyncio.sleep(0.01)
    assert failures == []


async def test_all_else_is_the_transports(ends):
    writer, _ = ends
    assert not writer.is_closing()
    assert writer.get_extra_info("socket") is not None
