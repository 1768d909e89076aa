#!/bin/sh
# First process of the namespaces around a machine whose own first process is systemd: systemd-nspawn, unpacked and not installed, over a copy-on-write
# view of a root. The machine has a network of its own behind a veth pair; on this side of it, which is the network that this script is started in,
# there are Azure's two addresses and nothing else. Started by nspawn.ts as
#
#     unshare --mount --uts --ipc --net --pid --cgroup --fork --kill-child sh nspawn.sh DIRECTORY REPOSITORY ROOT TOOLS LIBRARIES MARK
#
# Says `ready PID` when all is laid out, its own process as the real machine counts. Every line `boot` then starts the machine: `booted LEADER` is said
# when its first process is there, `off STATUS` when it has ended. Ends, and everything with it, when its standard input ends.
# DIRECTORY holds: prepare (a script of sh, run in the machine's root as long as it is off), sys/, disc.img and disc/ (if there is a disc).
set -eu
directory=$1
repository=$2
lower=$3
tools=$4
libraries=$5
mark=$6
. "$repository/fabric/closed.sh"

# What ip(8) and systemd-nspawn keep below /run is not for the real machine.
mount -t tmpfs -o mode=755 run /run
ip netns add machine
ip link add veth0 type veth peer name eth0 netns machine
ip address add 10.0.0.1/24 dev veth0
ip link set veth0 up
ip -n machine link set lo up
ip -n machine address add 10.0.0.4/24 dev eth0
ip -n machine link set eth0 up
ip -n machine route add default via 10.0.0.1

machine=$directory/machine
mkdir -p "$machine"
mount -t tmpfs -o mode=755,size=1g machine "$machine"
mkdir "$machine/upper" "$machine/work" "$machine/root"
root=$machine/root
mount -t overlay -o "lowerdir=$lower,upperdir=$machine/upper,workdir=$machine/work" overlay "$root"

# What hostOf.ts looks for before it runs a command here.
echo "$mark" >"$root/.throw-away-machine"

mkdir -p "$root/var/lib/hyperv" "$root/azure" "$root/etc/systemd/system/sysinit.target.wants"
ssh-keygen -q -t ed25519 -N '' -f "$root/etc/ssh/ssh_host_ed25519_key"

# systemd-nspawn mounts the machine's /sys and /dev itself, so that what Azure adds to them has to come from within.
cat >"$root/etc/systemd/system/azure.service" <<'UNIT'
[Unit]
DefaultDependencies=no
Before=sysinit.target systemd-udevd.service
[Service]
Type=oneshot
ExecStart=/bin/sh /azure/devices
UNIT
ln -s ../azure.service "$root/etc/systemd/system/sysinit.target.wants/azure.service"
cat >"$root/azure/devices" <<'DEVICES'
set -eu
mount -t overlay -o lowerdir=/azure/sys/class:/sys/class overlay /sys/class
mount -t overlay -o lowerdir=/azure/sys/block:/sys/block overlay /sys/block
if [ -e /azure/loop ]; then mknod -m 660 /dev/sr0 b 7 "$(cat /azure/loop)"; fi
DEVICES

loop=
if [ -e "$directory/disc.img" ]; then
  loop=$(losetup --find --show --read-only "$directory/disc.img")
  # Open, then detached: the kernel lets go of the loop device when this process ends, however it ends.
  exec 7<"$loop"
  losetup --detach "$loop"
  echo "${loop#/dev/loop}" >"$root/azure/loop"
  # In place of the kernel's udf driver, which not every kernel has: mount(8) runs `mount.udf DEVICE DIRECTORY -o OPTIONS`.
  cat >"$root/usr/sbin/mount.udf" <<'HELPER'
#!/bin/sh
echo "$*" >>/azure/mount.udf.log
mount --bind /azure/disc "$2" && exec mount -o remount,bind,ro,nosuid,nodev,noexec "$2"
HELPER
  chmod 755 "$root/usr/sbin/mount.udf"
  if [ ! "$root/sbin" -ef "$root/usr/sbin" ]; then cp "$root/usr/sbin/mount.udf" "$root/sbin/mount.udf"; fi
fi

(cd "$root" && sh -eu "$directory/prepare")

# systemd-nspawn itself has to see the processes, the cgroups and the network that it is in. With the machine's network given to it by name it
# would show the machine the interfaces of this one.
boot='
  read -r pid rest </proc/self/stat
  echo "$pid" >"$1/nspawn.pid"
  mount -t proc proc /proc
  umount -R /sys
  mount -t sysfs sysfs /sys
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  shift
  exec "$@"'
run_machine() {
  rm -f "$machine/nspawn.pid"
  # The loader of the libraries: what this machine has may be older or newer.
  nsenter --net=/run/netns/machine unshare --mount --propagation private sh -euc "$boot" boot "$machine" \
    "$libraries"/lib64/ld-linux-*.so.2 --library-path "$(echo "$tools"/usr/lib/*-linux-gnu/systemd):$(echo "$libraries"/usr/lib/*-linux-gnu)" \
    "$tools/usr/bin/systemd-nspawn" --quiet --register=no --keep-unit --settings=no --capability=CAP_NET_ADMIN \
    --directory="$root" --boot --machine=machine --resolv-conf=off --timezone=off --link-journal=no --console=read-only \
    --bind-ro="$directory/sys:/azure/sys" ${loop:+--bind-ro="$directory/disc:/azure/disc"} --bind-ro="$repository" \
    </dev/null >>"$directory/console" 2>&1 7<&- &
  leader=
  while kill -0 $! 2>/dev/null && [ -z "$leader" ]; do
    if read -r nspawn <"$machine/nspawn.pid"; then read -r leader rest <"/proc/$nspawn/task/$nspawn/children" || true; fi
    # Its first child makes the leader, and is gone then.
    if [ -n "$leader" ] && ! grep -q '^NSpid:.*[^0-9]1$' "/proc/$leader/status"; then leader=; fi
    sleep 0.01
  done 2>/dev/null
  if [ -n "$leader" ]; then echo "booted $leader"; fi
  status=0
  wait $! || status=$?
  echo "off $status"
}

echo "ready $pid"
while read -r word; do
  case $word in
    boot) run_machine & ;;
  esac
done
