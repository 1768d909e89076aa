#!/bin/sh
# First process of a machine with a kernel of its own: what udev, systemd and Azure would have done is done here, then the command of /uml/command is run,
# and the machine is powered off. What came of it is in /uml/results, by the number of the boot, which the kernel's command line has.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH HOME=/root LANG=C
mount -t proc proc /proc
boot=$(sed 's/.*boot=\([0-9]*\).*/\1/' /proc/cmdline)
results=/uml/results/$boot
mkdir "$results"
exec >"$results/log" 2>&1
set -eux
trap 'poweroff -f' EXIT
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 run /run
mkdir /run/lock /run/sshd /run/sys
hostname "$(cat /etc/hostname)"
for module in crc-itu-t cdrom udf overlay; do insmod "/uml/$module.ko"; done
cp -r /uml/sys/class /run/sys/
mount -t overlay -o lowerdir=/run/sys/class:/sys/class overlay /sys/class
mknod -m 660 /dev/sr0 b 98 0

# Azure, in this machine itself: there is no network that could lead out of it.
ip link set lo up
ip address add 169.254.169.254/32 dev lo
ip address add 168.63.129.16/32 dev lo
mkfifo /run/playbook /run/ready
node=$(cat /uml/node)
"$node" "$(cat /uml/fabric)" "$results/transcript" </run/playbook >/run/ready &
exec 8>/run/playbook 9</run/ready
cat /uml/playbook >&8
read -r ready <&9
[ "$ready" = ready ]

set +e
sh -c "$(cat /uml/command)" >"$results/output" 2>&1
echo $? >"$results/status"
set -e
cat /proc/mounts >"$results/mounts"
hostname >"$results/hostname"
id azureuser >"$results/id" || true
passwd -S azureuser >"$results/passwd" || true
exec 8>&-
sync
