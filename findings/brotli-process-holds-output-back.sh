#!/usr/bin/env bash
# brotli 1.2.1, Decompressor.process without `output_buffer_limit`: of 36,000 bytes that were compressed
# and flushed it returns 32,752, though it has all input, and the other 3,248 only at a next call, also
# with no input. `can_accept_more_data()` is True meanwhile. Without a limit one expects all output that
# there is, as zlib's decompressobj and zstandard give; where the input also ends the stream, it comes.
# A client that reads a flushed stream piece by piece shows the end of a piece with the next one.
#
# Seen: 32752 of 36000 bytes, then 3248; 36000 at once where the stream ends.
# For pacegraph: answers in parts are flushed for each part; tests read on until nothing comes.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check brotli==1.2.1
"$folder/venv/bin/python" - <<'PYTHON'
import brotli

PIECE = b'{"a":"0123456789"}' * 2000


def read(end: str) -> list[int]:
    compressor = brotli.Compressor(quality=4, lgwin=17)
    sent = compressor.process(PIECE) + getattr(compressor, end)()
    reader = brotli.Decompressor()
    first = reader.process(sent)
    assert reader.can_accept_more_data()
    second = reader.process(b"") if end == "flush" else b""
    assert first + second == PIECE
    return [len(first), len(second)]


flushed, ended = read("flush"), read("finish")
print(f"{flushed[0]} of {len(PIECE)} bytes, then {flushed[1]}; {ended[0]} at once where the stream ends")
assert flushed == [32752, 3248], "a flushed piece"
assert ended == [36000, 0], "a whole stream"
PYTHON
