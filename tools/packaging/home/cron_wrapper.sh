#!/bin/bash
# cron_wrapper.sh COMMAND [ARGUMENT ...]: runs a command with jetpack on PATH and CYCLECLOUD_HOME set, for
# cron and at. The exit code is the command's.
if [ $# -eq 0 ]; then
  echo "usage: cron_wrapper.sh COMMAND [ARGUMENT ...]" >&2
  exit 2
fi
bootstrap=${BASH_SOURCE[0]%/*}
[ -L "${BASH_SOURCE[0]}" ] && bootstrap=$(PATH=/usr/bin:/bin readlink -f -- "${BASH_SOURCE[0]}") && bootstrap=${bootstrap%/*}
. "$bootstrap/../bin/cyclecloud-env.sh" || exit 1
exec "$@"
