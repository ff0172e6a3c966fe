#!/bin/sh
# What the tests of operations need, from Debian's packages: proxies, a pooler, and Prometheus' promtool.
set -eu

missing=""
for each in haproxy:haproxy nginx:nginx-light caddy:caddy promtool:prometheus pgbouncer:pgbouncer; do
  [ -x "/usr/sbin/${each%:*}" ] || command -v "${each%:*}" >/dev/null || missing="$missing ${each#*:}"
done
if [ -n "$missing" ]; then
  # Where an init system runs, it would start them at once.
  [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; made=1; }
  apt-get update
  # shellcheck disable=SC2086 - one word each
  apt-get install -y --no-install-recommends $missing
  [ -z "${made:-}" ] || rm /usr/sbin/policy-rc.d
fi
