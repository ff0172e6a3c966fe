"""Content codings: which one, and that it can be undone."""

import gzip
import zlib
from functools import partial

import brotli
import pytest
import zstandard

from web.errors import NotAcceptable
from web.http.compression import Chosen, PieceCompressor, coding_of, compress

DECODE = {
    "zstd": lambda data: zstandard.ZstdDecompressor().decompress(data),
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}


def read_brotli(decompressor: brotli.Decompressor, data: bytes) -> bytes:
    """Brotli gives what it has in blocks."""
    found = read = decompressor.process(data)
    while read:
        read = decompressor.process(b"")
        found += read
    return found


READERS = {
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
    "br": lambda: partial(read_brotli, brotli.Decompressor()),
    "gzip": lambda: zlib.decompressobj(wbits=31).decompress,
}


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("deflate, compress", None),
        ("*", "zstd"),
        ("br;q=0.5, gzip", "gzip"),
        ("zstd;q=0, *", "br"),
        ("gzip;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("gzip, identity;q=0.5", "gzip"),
        ("identity", None),
        ("*;q=0, gzip", "gzip"),
        ("gzip;q=x", None),
        ("gzip," * 200, "gzip"),
    ],
)
def test_a_coding_is_as_its_caller_prefers(accept, coding):
    assert coding_of(accept.encode() if accept is not None else None).coding == coding


@pytest.mark.parametrize(
    "accept", [b"identity;q=0, gzip", b"*;q=0, gzip", b"gzip;q=0.1, identity;q=0"]
)
def test_who_takes_nothing_plain_gets_nothing_plain(accept):
    assert coding_of(accept) == Chosen("gzip", is_required=True)


@pytest.mark.parametrize("accept", [b"*;q=0", b"identity;q=0", b"identity;q=0, deflate"])
def test_who_takes_nothing_is_told(accept):
    with pytest.raises(NotAcceptable, match="zstd, br, gzip"):
        coding_of(accept)


@pytest.mark.parametrize("coding", DECODE)
@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"data":{"name":"R\xc3\xbcckw\xc3\xa4rts"}}' * 5000]
)
def test_what_is_compressed_can_be_read(coding, body):
    compressed = compress(body, coding)
    assert DECODE[coding](compressed) == body
    assert len(compressed) < max(64, len(body) / 20)


@pytest.mark.anyio
@pytest.mark.parametrize("coding", READERS)
async def test_each_piece_can_be_read_when_it_has_come(coding):
    compressor, read = PieceCompressor(coding), READERS[coding]()
    whole = sent = 0
    for number in range(20):
        piece = (
            b'{"hasNext":true,"incremental":[{"name":"R\xc3\xbcckw\xc3\xa4rts %d"}]}'
            % number
            * 1000
        )
        compressed = await compressor.compress(piece, is_last=number == 19)
        assert read(compressed) == piece
        whole, sent = whole + len(piece), sent + len(compressed)
    assert sent < whole / 20
