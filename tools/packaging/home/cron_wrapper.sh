#!/bin/bash
# cron_wrapper.sh COMMAND [ARGUMENT ...]: runs a command with jetpack on PATH and CYCLECLOUD_HOME set, for
# cron and at. The exit code is the command's.
if [ $# -eq 0 ]; then
  echo "usage: cron_wrapper.sh COMMAND [ARGUMENT ...]" >&2
  exit 2
fi
self=${BASH_SOURCE[0]}
# By another name for this file, unless a whole tree is linked.
[ -r "${self%/*}/../bin/cyclecloud-env.sh" ] || self=$(PATH=/usr/bin:/bin readlink -f -- "$self")
. "${self%/*}/../bin/cyclecloud-env.sh" || exit 1
exec "$@"
