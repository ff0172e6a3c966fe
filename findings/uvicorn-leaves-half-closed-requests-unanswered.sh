#!/usr/bin/env bash
# uvicorn 0.54.0, hypercorn 0.18.0: a client sends a whole request, then closes its sending side only, as `nc -N`
# does, and waits for the answer. TCP and HTTP/1.1 allow that. uvicorn lets the application run to its end,
# and closes the connection without a byte of the answer, by httptools and by h11 alike, where the
# application awaits anything: its `eof_received` returns nothing, so asyncio closes the transport. An
# application that answers at once is quick enough, so a health check works and the query beside it does not.
# hypercorn answers.
#
# Seen: "uvicorn httptools: 0 bytes of the answer; uvicorn h11: 0 bytes of the answer; hypercorn: answered".
# For pacegraph: such a client counts as one that is gone (status 499 in the log).
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvicorn==0.54.0 httptools==0.9.0 h11==0.16.0 hypercorn==0.18.0
cat >"$folder/app.py" <<'PYTHON'
import asyncio


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await asyncio.sleep(0.1)  # as a query of a database takes
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
PYTHON
seen=$(cd "$folder" && "$folder/venv/bin/python" - <<'PYTHON'
import socket
import subprocess
import sys
import time

SERVERS = {
    "uvicorn httptools": ["uvicorn", "--http", "httptools", "--log-level", "critical", "app:app", "--port"],
    "uvicorn h11": ["uvicorn", "--http", "h11", "--log-level", "critical", "app:app", "--port"],
    "hypercorn": ["hypercorn", "--log-level", "critical", "app:app", "--bind"],
}


def answer(port):
    for _ in range(200):
        try:
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            break
        except OSError:
            time.sleep(0.05)
    with connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        got = b""
        while part := connection.recv(1000):
            got += part
    return got


said = []
for name, command in SERVERS.items():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = f"127.0.0.1:{port}" if name == "hypercorn" else str(port)
    server = subprocess.Popen([sys.executable, "-m", *command, where])
    try:
        got = answer(port)
    finally:
        server.terminate()
        server.wait()
    said.append(f"{name}: {'answered' if got.startswith(b'HTTP/1.1 200') else f'{len(got)} bytes of the answer'}")
print("; ".join(said))
PYTHON
)
echo "$seen"
[ "$seen" = "uvicorn httptools: 0 bytes of the answer; uvicorn h11: 0 bytes of the answer; hypercorn: answered" ]
