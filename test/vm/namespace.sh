#!/bin/sh
# First process of the namespaces in which a VM is emulated: a network that has nothing but Azure's two addresses. Started as
# `unshare --net --pid --fork --kill-child sh namespace.sh`; says `ready PID` when it stands, its own process as the real machine counts,
# and ends, and everything in the namespaces with it, when its standard input ends.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# /proc is still that of the real machine.
read -r pid rest </proc/self/stat

# Fail closed: the VM reaches what this namespace reaches, so that must be neither a real network nor a real Azure.
for interface in $(sed -n 's/^ *\([^:]*\):.*/\1/p' /proc/self/net/dev); do
  case $interface in
    lo | tunl0 | sit0 | gre0 | gretap0 | erspan0 | ip_vti0 | ip6_vti0 | ip6tnl0 | ip6gre0) ;;
    *)
      echo "namespace.sh: refusing to start: this network namespace has the interface $interface" >&2
      exit 1
      ;;
  esac
done
ip link set lo up
ip address add 169.254.169.254/32 dev lo
ip address add 168.63.129.16/32 dev lo

exec 3<&0
# `wait` also reaps what is left behind by others.
cat <&3 >/dev/null &
echo "ready $pid"
wait $!
