#!/bin/sh
# Unpacks the packages that run hosts, of bookworm whatever this machine is, without installing them anywhere.
#
#     tools.sh ROOT DIRECTORY     as root; ROOT is bookworm's of root.sh, DIRECTORY has their files then, or is not there
set -eu
root=$1
directory=$2
. "$(dirname "$0")/once.sh"

mkdir "$work/debs" "$work/tree"
# apt of the root itself, which trusts Debian's keys and asks the mirror that the root came from; the root is not written to.
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
chroot root sh -c 'cd /mnt && apt-get -q -o APT::Sandbox::User=root download systemd-container user-mode-linux' </dev/null
SCRIPT
  tail -n 20 "$work/log" >&2
  echo "tools.sh: no packages" >&2
  exit 1
fi
for package in "$work"/debs/*.deb; do dpkg-deb --extract "$package" "$work/tree"; done
mv -T "$work/tree" "$directory"
