#!/usr/bin/env bash
# orjson 3.13.0, dumps: the bytes it returns hold the room that they were written into, at least
# 4,096 bytes, as long as they are kept. One expects the size of `b"..."` of that length, as
# `sys.getsizeof` tells.
#
# Seen: 4089 bytes for each of a thousand results of 9 bytes; 42 after a copy.
# For pacegraph: `runtime/kept_json.py` copies what stays in memory, such as keys of the cache.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check orjson==3.13.0
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import tracemalloc

import orjson

MANY = 1000


def held_bytes(write) -> float:
    tracemalloc.start()
    kept = [write() for _ in range(MANY)]
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (held - sys.getsizeof(kept)) / MANY


as_returned = held_bytes(lambda: orjson.dumps({"a": 123}))
copied = held_bytes(lambda: bytes(memoryview(orjson.dumps({"a": 123}))))
print(f"{as_returned:.0f} bytes each, {copied:.0f} after a copy")
assert as_returned >= 4000, "what is returned"
assert copied < 100, "a copy"
PYTHON
