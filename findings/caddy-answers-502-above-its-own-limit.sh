#!/usr/bin/env bash
# Caddy 2.6.2 (Debian 12): `request_body { max_size … }` in front of `reverse_proxy` answers 502 to a body
# above the limit. Its documentation promises 413 ("Reads of more bytes will return an error with HTTP
# status 413"), and its own log says 413 in the same line as 502. So clients and monitoring take a request
# that is too large for a server that is gone, and may send it again. A Content-Length that is too large
# is not refused at once either: the other server is asked and sees a body that ends too early.
#
# Seen: "above the limit: 502, below: 200, begun at the other server: 2".
# For pacegraph: deploy/proxies/Caddyfile compares Content-Length by a matcher; tests/operations/test_proxies.py.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
chmod 755 "$folder"
cd "$folder"
apt-get download -qq caddy=2.6.2-5 2>/dev/null
dpkg -x caddy_*.deb .
cat >server.py <<'PYTHON'
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

begun = 0


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        global begun
        begun += 1
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(b"")

    def do_GET(self):
        self.answer(json.dumps(begun).encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python3 server.py >port 2>/dev/null &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.1; done
free=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >Caddyfile <<CADDY
{
	admin off
}
http://127.0.0.1:$free {
	request_body {
		max_size 100KB
	}
	reverse_proxy 127.0.0.1:$(cat port)
}
CADDY
HOME=$folder usr/bin/caddy run --config Caddyfile --adapter caddyfile >log 2>&1 &
caddy=$!
trap 'kill $caddy $server; rm -rf "$folder"' EXIT
ask() { curl --noproxy '*' --silent --output /dev/null --write-out '%{http_code}' "$@"; }
for _ in $(seq 100); do [ "$(ask "http://127.0.0.1:$free")" = 200 ] && break; sleep 0.1; done
head -c 300000 /dev/zero >large
head -c 50000 /dev/zero >small
above=$(ask --data-binary @large "http://127.0.0.1:$free")
below=$(ask --data-binary @small "http://127.0.0.1:$free")
begun=$(curl --noproxy '*' --silent "http://127.0.0.1:$free")
seen="above the limit: $above, below: $below, begun at the other server: $begun"
echo "$seen"
[ "$seen" = "above the limit: 502, below: 200, begun at the other server: 2" ]
