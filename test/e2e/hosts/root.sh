#!/bin/sh
# Makes a Debian root: what a cloud image has of systemd, accounts and sshd, without kernel, agent or anything of a test.
#
#     root.sh SUITE DIRECTORY     as root; DIRECTORY is the root then, or is not there
#
# $DEBIAN_MIRROR is where packages come from, http://deb.debian.org/debian without it.
set -eu
suite=$1
directory=$2
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
. "$(dirname "$0")/once.sh"

packages=systemd,systemd-sysv,dbus,udev,libpam-systemd,openssh-server,openssh-client,sudo,iproute2,eject,kmod,procps,libnss-myhostname
# In memory, where dpkg's many fsync cost nothing; what is mounted goes away with the one namespace, and what debootstrap starts with the other.
if ! unshare --mount --propagation private --pid --fork --kill-child sh -eu -s >"$work.log" 2>&1 <<SCRIPT; then
mkdir "$work/memory" "$work/root"
mount -t tmpfs -o mode=755 memory "$work/memory"
debootstrap --variant=minbase --include=$packages $suite "$work/memory" $mirror </dev/null || {
  cat "$work/memory/debootstrap/debootstrap.log"
  exit 1
}
cd "$work/memory"
rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/*_* etc/ssh/ssh_host_*
cp -a . "$work/root"
SCRIPT
  tail -n 20 "$work.log" >&2
  rm -f "$work.log"
  echo "root.sh: debootstrap of $suite failed" >&2
  exit 1
fi
rm -f "$work.log"

root=$work/root
# No name server, and nobody shall wait for one: libnss-myhostname knows the machine's name.
: >"$root/etc/resolv.conf"
echo fresh >"$root/etc/hostname"
: >"$root/etc/machine-id"
# Jobs of a long life have no place in a machine of half a minute, and would meddle with its times.
chroot "$root" systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service systemd-timesyncd.service

mv -T "$root" "$directory"
