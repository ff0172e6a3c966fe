#!/bin/sh
# What the browser tests need: Chromium from Debian's packages, and playwright-core, which drives it.
set -eu
cd "$(dirname "$0")"

if [ -z "${CHROMIUM:-}" ] && ! command -v chromium >/dev/null; then
  apt-get update
  apt-get install -y --no-install-recommends chromium fonts-dejavu-core
fi
[ -d node_modules/playwright-core ] || npm ci
