#!/bin/sh
# What the tests of operations need, from Debian's packages: proxies, a pooler, Prometheus' promtool,
# `ip`, which makes hosts, and what builds and runs images.
set -eu

missing=""
for each in haproxy:haproxy nginx:nginx-light caddy:caddy promtool:prometheus pgbouncer:pgbouncer ip:iproute2 \
  buildah:buildah podman:podman runc:runc debootstrap:debootstrap; do
  [ -x "/usr/sbin/${each%:*}" ] || command -v "${each%:*}" >/dev/null || missing="$missing ${each#*:}"
done
if [ -n "$missing" ]; then
  # Where an init system runs, it would start them at once.
  [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; made=1; }
  apt-get -o DPkg::Lock::Timeout=300 update
  # shellcheck disable=SC2086 - one word each
  apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing
  [ -z "${made:-}" ] || rm /usr/sbin/policy-rc.d
fi
