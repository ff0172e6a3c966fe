"""Ends listening sockets without resetting connections that clients take for open.

The kernel opens connections before the process accepts them, and resets those that wait when their
listening socket closes. A request sent on one is lost, and a proxy must not repeat it. So the
socket first opens no new ones: a filter drops their first packet, their clients send it again after
a second, and find the port closed. Those that wait are still accepted. Only Linux has such
filters.
"""

import ctypes
import socket
import struct
import sys

_SO_ATTACH_FILTER = 26
_TCP_FLAGS = 13
"""Where the flags stand in a TCP header."""
_SYN = 0x02
_LOAD_BYTE, _JUMP_IF_SET, _RETURN = 0x30, 0x45, 0x06
_ALL = 0xFFFFFFFF
_FILTER = b"".join(
    struct.pack("=HBBI", *each)
    for each in (
        (_LOAD_BYTE, 0, 0, _TCP_FLAGS),
        (_JUMP_IF_SET, 0, 1, _SYN),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, _ALL),
    )
)
_INSTRUCTION_BYTES = 8


def open_no_more(listener: socket.socket) -> bool:
    """Let no more connections begin; those that began go on. False where the system cannot do it."""
    if sys.platform != "linux":
        return False
    program = ctypes.create_string_buffer(_FILTER)
    count = len(_FILTER) // _INSTRUCTION_BYTES
    given = struct.pack("@HP", count, ctypes.addressof(program))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, given)
    except OSError:
        return False
    return True
