#!/usr/bin/env bash
# redis-py 8.1.0: each new connection reads and parses redis-py's package metadata from its files,
# to tell Redis its version (CLIENT SETINFO), although that never changes in a process. The look-up
# is not kept: ten connections are ten look-ups, in the turn of an event loop too. A DriverInfo made
# once and given to the client or its pool as driver_info is used as it is.
#
# Seen: "10 connections: 10 look-ups; with one DriverInfo: 1".
# For pacegraph: runtime/redis_clients.py makes one (0.4 ms of CPU a connection became 0.01).
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check redis==8.1.0
seen=$("$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata

from redis.asyncio import ConnectionPool
from redis.driver_info import DriverInfo

looked_up = 0
version = importlib.metadata.version


def counting(name):
    global looked_up
    looked_up += 1
    return version(name)


importlib.metadata.version = counting


def look_ups(**options):
    global looked_up
    looked_up = 0
    if options:
        options = {"driver_info": DriverInfo()}
    pool = ConnectionPool(host="127.0.0.1", **options)
    for _ in range(10):
        pool.make_connection()
    return looked_up


print(f"10 connections: {look_ups()} look-ups; with one DriverInfo: {look_ups(shared=True)}")
PYTHON
)
echo "$seen"
[ "$seen" = "10 connections: 10 look-ups; with one DriverInfo: 1" ]
