#!/bin/sh
# Makes what an emulated VM boots: a Debian root on an ext4 file system, Debian's cloud kernel and its initrd. Neither the agent nor
# anything of a test is in it.
#
#     image.sh SUITE DIRECTORY     as root; DIRECTORY gets root.ext4, vmlinuz and initrd, or is not there
#
# $DEBIAN_MIRROR is where packages come from, http://deb.debian.org/debian without it.
set -eu
suite=$1
directory=$2
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
. "$(dirname "$0")/../e2e/hosts/once.sh"
root=$work/root

packages=systemd,systemd-sysv,dbus,udev,libpam-systemd,openssh-server,sudo,iproute2,eject,kmod,procps,linux-image-cloud-amd64,initramfs-tools,zstd,hyperv-daemons,libnss-myhostname
# What debootstrap mounts goes away with the namespace, and what it starts with the other one.
if ! unshare --mount --propagation private --pid --fork --kill-child \
  debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" >"$work/log" 2>&1; then
  tail -n 20 "$work/log" "$root/debootstrap/debootstrap.log" >&2 2>/dev/null || true
  echo "image.sh: debootstrap of $suite failed" >&2
  exit 1
fi

# The address comes by DHCP, as on Azure. There is no name server, and nobody shall wait for one: libnss-myhostname knows the VM's name.
: >"$root/etc/resolv.conf"
cat >"$root/etc/systemd/network/azure.network" <<'FILE'
[Match]
Type=ether
[Network]
DHCP=ipv4
LinkLocalAddressing=no
FILE
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
echo fresh >"$root/etc/hostname"
: >"$root/etc/machine-id"
chroot "$root" systemctl enable --quiet systemd-networkd.service ssh.service
# Jobs of a long life have no place in a VM of two minutes, and would meddle with its times.
chroot "$root" systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service systemd-timesyncd.service
# One host key is enough for a login, and RSA's takes an emulated CPU a minute to make.
rm -f "$root"/etc/ssh/ssh_host_rsa_key* "$root"/etc/ssh/ssh_host_ecdsa_key*
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*_*

cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$root"/boot/initrd.img-* "$work/initrd"
mke2fs -q -F -t ext4 -L root -d "$root" "$work/root.ext4" 1200M
rm -rf "$root"
chmod 755 "$work"
mv -T "$work" "$directory"
