#!/bin/sh
# A service's health check: runs the command that is its arguments. As often as Docker asks until the service is well,
# every half minute from then on: ten checks every few seconds are a tenth of a small machine.
started=$(cut -d ' ' -f 22 /proc/1/stat) # tells this start of the container from earlier ones, whose files are there
well=/tmp/well
[ "$(cat "$well" 2>/dev/null)" = "$started" ] && sleep 30
rm -f "$well"
"$@" && echo "$started" >"$well"
