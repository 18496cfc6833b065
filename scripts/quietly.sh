#!/usr/bin/env bash
# Run a command: on a terminal show its newest line in place, elsewhere nothing; when it fails, show its last lines.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ -t 1 ]; then
  "$@" 2>&1 | tee "$log" | awk '{ printf "\r\033[K    %s", substr($0, 1, 90); fflush() } END { printf "\r\033[K" }'
  status=${PIPESTATUS[0]}
else
  "$@" >"$log" 2>&1
  status=$?
fi
[ "$status" = 0 ] || tail -n 30 "$log" >&2
exit "$status"
