#!/bin/sh
# Runs the mutation tests where a mutant, which is the agent with one thing wrong, can harm nothing: on a copy of the tree, without root, in namespaces
# of its own that have no network but loopback, no other processes and an empty /tmp. As root the tests run as nobody (uid 65534); otherwise as
# the caller, in a user namespace. main.ts refuses to start anywhere else. Arguments are main.ts's own.
set -eu
cd "$(dirname "$0")/../.."
if [ "$(id -u)" = 0 ]; then
  exec unshare --net --ipc --pid --mount --propagation private --fork --kill-child --mount-proc \
    sh test/mutation/inside.sh 65534 65534 "$@"
fi
exec unshare --user --map-root-user --net --ipc --pid --mount --propagation private --fork --kill-child --mount-proc \
  sh test/mutation/inside.sh "$(id -u)" "$(id -g)" "$@"
