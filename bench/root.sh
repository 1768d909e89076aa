#!/bin/sh
# Makes the root of the benchmark's machines: a Debian root of the end-to-end tests with the peers (cloud-init, WALinuxAgent) and what measures.
#
#     root.sh BASE SUITE DIRECTORY     as root; DIRECTORY is the root then, or is not there
#
# BASE is a root of root.sh. $DEBIAN_MIRROR is where packages come from, http://deb.debian.org/debian without it.
set -eu
base=$1
suite=$2
directory=$3
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
. "$(dirname "$0")/../test/e2e/hosts/once.sh"

root=$work/root
cp -a "$base" "$root"
echo "deb $mirror $suite main" >"$root/etc/apt/sources.list"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# What apt starts or mounts goes away with the namespaces.
if ! unshare --mount --propagation private --pid --fork --kill-child chroot "$root" sh -euc '
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    apt-get -q -y --no-install-recommends install cloud-init waagent python3-passlib isc-dhcp-client strace
    apt-get clean' >"$work.log" 2>&1; then
  tail -n 20 "$work.log" >&2
  rm -f "$work.log"
  echo "root.sh: apt-get in a root of $suite failed" >&2
  exit 1
fi
rm -f "$work.log" "$root/usr/sbin/policy-rc.d"
: >"$root/etc/resolv.conf"

# No peer starts by itself.
chroot "$root" systemctl mask --quiet cloud-init-local.service cloud-init.service cloud-init-main.service cloud-init-network.service \
  cloud-config.service cloud-final.service cloud-init-hotplugd.socket walinuxagent.service waagent.service || true
# cloud-init reads no firmware tables in a container, which this machine is one of for systemd.
sed -i 's/if is_container():/if False:/' "$root/usr/lib/python3/dist-packages/cloudinit/dmi.py"
mkdir -p "$root/etc/cloud/cloud.cfg.d"
printf 'datasource_list: [Azure]\nlocale: false\n' >"$root/etc/cloud/cloud.cfg.d/99-bench.cfg"
sed -i 's/^# *Provisioning.Agent=.*/Provisioning.Agent=waagent/; s/^Provisioning.Agent=.*/Provisioning.Agent=waagent/' \
  "$root/etc/waagent.conf"

mv -T "$root" "$directory"
