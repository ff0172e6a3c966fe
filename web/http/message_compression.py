"""permessage-deflate of WebSockets (RFC 7692) that keeps nothing of a connection between messages.

A compressor takes 32 KiB and a decompressor 11, for as long as the socket is open, where messages
may refer to earlier ones. So here none may: the answer to the handshake says so for both sides,
which every client has to follow (sections 7.1.1.1 and 7.1.1.2).
"""

from collections.abc import Sequence
from typing import Any

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionParameter

_LEAST_BYTES = 512
"""Less gains nothing without what came before; each message says itself if it is compressed."""
_MOST_BYTES = 256 * 1024
"""More would take the event loop for too long: some 5 ms for so much."""


class _AgreedCompression(PerMessageDeflate):
    """Compresses messages of one frame that are neither short nor very long; leaves others as they are."""

    def encode(self, frame: Frame) -> Frame:
        is_whole = frame.fin and frame.opcode is not Opcode.CONT
        if is_whole and not _LEAST_BYTES <= len(frame.data) <= _MOST_BYTES:
            return frame
        return super().encode(frame)


class MessageCompression(ServerPerMessageDeflateFactory):
    """What the server offers; one for all connections, as it holds none of their state."""

    def __init__(self) -> None:
        super().__init__(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=12,
            client_max_window_bits=12,
            compress_settings={"memLevel": 5},
        )

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Answer a client's offer. Raises NegotiationError, and the next offer is looked at."""
        answer, agreed = super().process_request_params(params, accepted_extensions)
        values: dict[str, Any] = {"compress_settings": self.compress_settings}
        return answer, _AgreedCompression(
            agreed.remote_no_context_takeover,
            agreed.local_no_context_takeover,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
            **values,
        )
