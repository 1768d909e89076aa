# Unpacks packages of Debian into "$work/tree" without installing them. Sourced by makers of roots, after once.sh, with
# the root whose apt is used in $root and the packages in $packages.
mkdir "$work/debs" "$work/tree"
# apt of the root itself, which trusts Debian's keys and asks the mirror that the root came from; the root is not
# written to.
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
chroot root sh -c 'cd /mnt && apt-get -q -o APT::Sandbox::User=root download $packages' </dev/null
SCRIPT
  tail -n 20 "$work/log" >&2
  echo "packages.sh: cannot download $packages" >&2
  exit 1
fi
for package in "$work"/debs/*.deb; do dpkg-deb --extract "$package" "$work/tree"; done
