#!/bin/sh
# First process of the namespaces in which a VM is emulated: a network that has nothing but Azure's two addresses. Started as
# `unshare --net --pid --fork --kill-child sh namespace.sh`; says `ready PID` when it stands, its own process as the real machine counts,
# and ends, and everything in the namespaces with it, when its standard input ends.
set -eu
. "$(dirname "$0")/../../fabric/closed.sh"

exec 3<&0
# `wait` also reaps what is left behind by others.
cat <&3 >/dev/null &
echo "ready $pid"
wait $!
