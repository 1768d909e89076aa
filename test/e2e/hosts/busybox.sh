#!/bin/sh
# Makes a root of BusyBox alone, Debian's busybox-static of bookworm, without a C library and without any other program.
#
#     busybox.sh ROOT DIRECTORY     as root; ROOT is bookworm's of root.sh, DIRECTORY is the root then, or is not there
set -eu
root=$1
directory=$2
. "$(dirname "$0")/once.sh"

packages=busybox-static
. "$(dirname "$0")/packages.sh"

new=$work/new
for place in bin sbin usr/bin usr/sbin etc proc sys dev run tmp root home var/log var/lib; do mkdir -p "$new/$place"; done
cp "$work/tree/bin/busybox" "$new/bin/busybox"
chroot "$new" /bin/busybox --install -s
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$new/etc/passwd"
printf 'root:x:0:\nsudo:x:27:\nwheel:x:10:\n' >"$new/etc/group"
printf 'root:*:19000:0:99999:7:::\n' >"$new/etc/shadow"
chmod 600 "$new/etc/shadow"
printf 'ID=busybox\n' >"$new/etc/os-release"
mv -T "$new" "$directory"
