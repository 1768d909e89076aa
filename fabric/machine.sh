#!/bin/sh
# First process of a throw-away machine: a copy-on-write view of a root file system, with the network that has nothing but Azure's
# two addresses. Started by host.ts as `unshare --mount --uts --pid --ipc --net --fork --kill-child sh machine.sh DIRECTORY REPOSITORY ROOT SIZE MARK`;
# ends, and everything on the machine with it, when its standard input ends. Says `ready PID KEEPER` when it stands: its own process as the
# real machine counts, and the one process of this machine that a reboot must spare.
# DIRECTORY holds: sys/ (laid over /sys/class and /sys/block), disc.img and disc/ (if there is a disc), efi (if the firmware is UEFI).
set -eu
directory=$1
repository=$2
lower=$3
size=$4
mark=$5
. "$repository/fabric/closed.sh"

machine=$directory/machine
mkdir -p "$machine"
mount -t tmpfs -o "mode=755,size=$size" machine "$machine"
mkdir "$machine/upper" "$machine/work" "$machine/root" "$machine/block"
root=$machine/root
mount -t overlay -o "lowerdir=$lower,upperdir=$machine/upper,workdir=$machine/work" overlay "$root"

# What hostOf.ts looks for before it runs a command here.
echo "$mark" >"$root/.throw-away-machine"

# All that is written to the machine's disk, and nothing that was there before, for those who want to know what an agent leaves.
mkdir -p "$root/.written"
mount --bind "$machine/upper" "$root/.written"
mount -o remount,bind,ro "$root/.written"

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t overlay -o "lowerdir=$directory/sys/class:$root/sys/class" overlay "$root/sys/class"
mount -t overlay -o "lowerdir=$directory/sys/block:$root/sys/block" overlay "$root/sys/block"
mount -t tmpfs -o mode=755 firmware "$root/sys/firmware"
if [ -e "$directory/efi" ]; then mkdir "$root/sys/firmware/efi"; fi
mount -t tmpfs -o mode=755 run "$root/run"
mkdir "$root/run/lock" "$root/run/sshd"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"

mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/full" c 1 7
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
mknod -m 666 "$root/dev/tty" c 5 0
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

if [ -e "$directory/disc.img" ]; then
  loop=$(losetup --find --show --read-only "$directory/disc.img")
  # Open, then detached: the kernel lets go of the loop device when this process ends, however it ends.
  exec 7<"$loop"
  losetup --detach "$loop"
  mknod -m 660 "$root/dev/sr0" b 7 "${loop#/dev/loop}"
  # In place of the kernel's udf driver, which not every kernel has: mount(8) runs `mount.udf DEVICE DIRECTORY -o OPTIONS`.
  mkdir "$root/run/disc"
  mount --bind "$directory/disc" "$root/run/disc"
  cat >"$root/usr/sbin/mount.udf" <<'HELPER'
#!/bin/sh
echo "$*" >>/run/mount.udf.log
mount --bind /run/disc "$2" && exec mount -o remount,bind,ro,nosuid,nodev,noexec "$2"
HELPER
  chmod 755 "$root/usr/sbin/mount.udf"
  if [ ! "$root/sbin" -ef "$root/usr/sbin" ]; then cp "$root/usr/sbin/mount.udf" "$root/sbin/mount.udf"; fi
fi

# Whatever an agent has done to the real machine, this one is new.
rm -rf "$root/var/lib/azure-init" "$root"/var/log/azure-init* "$root"/etc/azure-init* "$root/etc/sudoers.d/azure-init-user" \
  "$root"/etc/ssh/sshd_config.d/*azure-init.conf "$root"/etc/ssh/ssh_host_* "$root/var/lib/hyperv"
mkdir -p "$root/var/lib/hyperv"
hostname fresh
echo fresh >"$root/etc/hostname"

# The repository may lie on a file system of its own, and the overlay shows one only.
mkdir -p "$root$repository"
mount --bind "$repository" "$root$repository"
mount -o remount,bind,ro "$root$repository"

cd "$root"
mkdir .machine
pivot_root . .machine
umount -l /.machine
rmdir /.machine
cd /

exec 3<&0
# `wait` also reaps what is left behind by others.
cat <&3 >/dev/null &
echo "ready $pid $!"
wait $!
