#!/bin/sh
# Makes a root of BusyBox alone, Debian's busybox-static of bookworm, without a C library and without any other program.
#
#     busybox.sh ROOT DIRECTORY     as root; ROOT is bookworm's of root.sh, DIRECTORY is the root then, or is not there
set -eu
root=$1
directory=$2
. "$(dirname "$0")/once.sh"

mkdir "$work/debs" "$work/tree"
# apt of the root, as in tools.sh.
if ! unshare --mount --propagation private --pid --fork --kill-child sh -eu -s >"$work/log" 2>&1 <<SCRIPT; then
mkdir "$work/layer"
mount -t tmpfs -o mode=755 layer "$work/layer"
cd "$work/layer"
mkdir upper work root
mount -t overlay -o "lowerdir=$root,upperdir=upper,workdir=work" overlay root
mount -t proc proc root/proc
mount --bind "$work/debs" root/mnt
if [ -e /etc/resolv.conf ]; then cat /etc/resolv.conf >root/etc/resolv.conf; fi
chroot root apt-get -q -o APT::Sandbox::User=root update </dev/null
chroot root sh -c 'cd /mnt && apt-get -q -o APT::Sandbox::User=root download busybox-static' </dev/null
SCRIPT
  tail -n 20 "$work/log" >&2
  echo "busybox.sh: no package" >&2
  exit 1
fi
for package in "$work"/debs/*.deb; do dpkg-deb --extract "$package" "$work/tree"; done

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
