#!/bin/sh
# The health check of a service: runs the command that is its arguments. Until the service is healthy, the interval in
# docker-compose.yaml applies. Then each check first waits for half a minute, because ten checks every few seconds take a
# tenth of the CPU of a small machine.
started=$(cut -d ' ' -f 22 /proc/1/stat) # the start time of the container: files of an earlier start do not count
healthy=/tmp/healthy
[ "$(cat "$healthy" 2>/dev/null)" = "$started" ] && sleep 30
rm -f "$healthy"
"$@" && echo "$started" >"$healthy"
