#!/bin/sh
# Started by isolate.sh inside the namespaces, in the repository: makes the copy, then becomes the user UID of the group GID.
set -eu
uid=$1
gid=$2
shift 2

ip link set lo up
mount -t tmpfs -o mode=755 mutation /mnt
mkdir -p /mnt/azure-init/node_modules
tar --exclude=./node_modules --exclude=./dist --exclude=./.cache --exclude=./.git -cf - . | tar --no-same-owner -xf - -C /mnt/azure-init
mount --bind node_modules /mnt/azure-init/node_modules
# Vite writes here what it makes of its configuration.
mkdir -p node_modules/.vite-temp
mount -t tmpfs -o mode=777 vite /mnt/azure-init/node_modules/.vite-temp
mount -o remount,bind,ro /mnt/azure-init/node_modules
for directory in /tmp /var/tmp /dev/shm; do
  if [ -d "$directory" ]; then mount -t tmpfs -o mode=1777 mutation "$directory"; fi
done
cd /mnt/azure-init

path=/mnt/azure-init/node_modules/.bin:$PATH
if [ "$(cat /proc/self/uid_map | tr -s ' ')" = " 0 0 4294967295" ]; then
  find . -path ./node_modules -prune -o -exec chown "$uid:$gid" {} +
  exec setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
    env -i NODE_COMPILE_CACHE=/tmp/node PATH="$path" HOME=/tmp LANG=C.UTF-8 node test/mutation/main.ts "$@"
fi
exec unshare --user --map-user="$uid" --map-group="$gid" \
  env -i NODE_COMPILE_CACHE=/tmp/node PATH="$path" HOME=/tmp LANG=C.UTF-8 node test/mutation/main.ts "$@"
