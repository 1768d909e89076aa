# Sourced by the first process of a new network namespace, before anything else runs there: fails closed, since nothing may reach a real network nor a
# real Azure, and then gives the namespace Azure's two addresses. Sets $pid, the process as the real machine counts; /proc is still that one's.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022
read -r pid rest </proc/self/stat

# The tunnels are those that some kernels put into every new namespace, down.
for interface in $(sed -n 's/^ *\([^:]*\):.*/\1/p' /proc/self/net/dev); do
  case $interface in
    lo | tunl0 | sit0 | gre0 | gretap0 | erspan0 | ip_vti0 | ip6_vti0 | ip6tnl0 | ip6gre0) ;;
    *)
      echo "${0##*/}: refusing to start: this network namespace has the interface $interface" >&2
      exit 1
      ;;
  esac
done
ip link set lo up
ip address add 169.254.169.254/32 dev lo
ip address add 168.63.129.16/32 dev lo
