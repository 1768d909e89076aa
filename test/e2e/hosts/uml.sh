#!/bin/sh
# Boots a copy-on-write view of a root with a kernel of its own, User-mode Linux, as often as is asked for: a process like any other here, but with
# a real udf driver. Started by uml.ts in namespaces of its own, without any network:
#
#     uml.sh LINUX MODULES ROOT REPOSITORY DIRECTORY BOOTS
#
# DIRECTORY holds: machine/ (files to put into the root), disc.iso; when it is over, also results/ and written/ (all that is not as in ROOT).
set -eu
linux=$1
modules=$2
root=$3
repository=$4
directory=$5
boots=$6
. "$repository/fabric/closed.sh"

memory=$directory/memory
mkdir "$memory" "$directory/results"
mount -t tmpfs -o mode=755,size=1g memory "$memory"
mkdir "$memory/upper" "$memory/work" "$memory/root" "$memory/home"
mount -t overlay -o "lowerdir=$root,upperdir=$memory/upper,workdir=$memory/work" overlay "$memory/root"
cp -a "$directory/machine/." "$memory/root"
mkdir -p "$memory/root$repository" "$memory/root/uml/results"
for module in crc-itu-t cdrom udf overlay; do
  find "$modules" -name "$module.ko" -exec cp {} "$memory/root/uml/" \;
done
mount --bind "$repository" "$memory/root$repository"
mount -o remount,bind,ro "$memory/root$repository"
mount --bind "$directory/results" "$memory/root/uml/results"

boot=1
while [ "$boot" -le "$boots" ]; do
  # The root is a directory of this machine (hostfs), so that there is nothing to copy into an image and out of it again.
  # A kernel that stands still must not hold us up; it may ignore SIGTERM.
  HOME=$memory/home TMPDIR=/dev/shm timeout --kill-after=5 120 "$linux" mem=768M umid=machine "uml_dir=$memory/home" \
    root=/dev/root rootfstype=hostfs "rootflags=$memory/root" rw "ubd0r=$directory/disc.iso" init=/uml/init "boot=$boot" \
    con=null con0=fd:0,fd:1 con1=null ssl=null quiet </dev/null >"$directory/results/console-$boot" 2>&1 || {
    tail -n 20 "$directory/results/console-$boot" >&2
    echo "uml.sh: the kernel ended with a failure" >&2
    exit 1
  }
  boot=$((boot + 1))
done

umount "$memory/root/uml/results" "$memory/root$repository"
umount "$memory/root"
cp -a "$memory/upper" "$directory/written"
