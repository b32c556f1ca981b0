# Shared by the tools: --help, where the tree is, and the Debian packages that a purpose needs.
# shellcheck shell=bash
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The packages of the given purposes, from tools/packages.
packages() {
  local purpose
  for purpose in "$@"; do sed -n "s/^$purpose //p" "$top/tools/packages"; done | tr '\n' ' '
}

# The comment at the head of a tool is its help; then the packages that it installs.
case ${1:-} in
  -h | --help)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    # shellcheck disable=SC2046
    for package in $(packages $(sed -n 's/^need //p' "$0")); do echo "$package"; done | sort -u |
      tr '\n' ' ' | sed 's/^/Installs, where missing: /' | fold -s -w 100
    echo
    exit 0
    ;;
esac

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Installs the missing packages of the given purposes; does nothing when none is missing.
need() {
  local wanted=() missing=() package
  read -r -a wanted <<<"$(packages "$@")"
  for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "as root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  echo "installing ${missing[*]}" >&2
  "${as_root[@]}" apt-get -q update >&2
  without_services "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "${missing[@]}" >&2
}

enabled_services() {
  find /etc/systemd/system -type l -path '*.wants/*' \( -name '*.service' -o -name '*.socket' \) \
    -printf '%f\n' 2>/dev/null | sort -u
}

# Runs a command that installs packages, whose services are neither started nor left enabled: the tests
# start their own servers. What ran or was enabled before is left alone, and so is a machine's own
# policy on starting services.
without_services() (
  policy=/usr/sbin/policy-rc.d
  before=$(enabled_services)
  if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin "$policy"
  fi
  "$@"
  new=$(comm -13 <(printf '%s\n' "$before") <(enabled_services))
  if [ -n "$new" ] && command -v systemctl >/dev/null; then
    # shellcheck disable=SC2086
    "${as_root[@]}" systemctl --quiet disable $new
  fi
)
