#!/usr/bin/env bash
# sentry-sdk 2.75.0 compresses what it sends by gzip, until the package brotli happens to be installed:
# then by Brotli. Nobody asks for it, no public option chooses, and brotli is no dependency of the
# library, but of many HTTP servers and clients. A receiver or proxy that knows gzip alone, as a test's
# own, loses all events from the day on which another package brings brotli.
#
# Seen: "without brotli: gzip, with brotli: br".
# For pacegraph: brotli is a dependency, so a Sentry behind a proxy gets `br`; tests/logs/test_error_reports.py.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
install=("$folder/venv/bin/pip" install --quiet --disable-pip-version-check)
"${install[@]}" sentry-sdk==2.75.0
cat >"$folder/send.py" <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import sentry_sdk

seen = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        seen.append(self.headers["content-encoding"])
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
sentry_sdk.init(dsn=f"http://key@127.0.0.1:{server.server_port}/1")
sentry_sdk.capture_message("hello")
sentry_sdk.flush(timeout=10)
print(seen[0])
PYTHON
without=$("$folder/venv/bin/python" "$folder/send.py")
"${install[@]}" brotli==1.2.0
seen="without brotli: $without, with brotli: $("$folder/venv/bin/python" "$folder/send.py")"
echo "$seen"
[ "$seen" = "without brotli: gzip, with brotli: br" ]
