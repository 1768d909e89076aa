#!/bin/sh
# Unpacks the packages that run hosts, of bookworm whatever this machine is, without installing them anywhere.
#
#     tools.sh ROOT DIRECTORY     as root; ROOT is bookworm's of root.sh, DIRECTORY has their files then, or is not there
set -eu
root=$1
directory=$2
. "$(dirname "$0")/once.sh"

packages="systemd-container user-mode-linux"
. "$(dirname "$0")/packages.sh"
mv -T "$work/tree" "$directory"
