#!/bin/sh
# Builds the last commit twice and compares the bytes of all that is built: in directories of different names, with caches, variables and compiler
# flags of the builder's own that must not get in. Needs node_modules, and what the build needs.
#
#     sh scripts/reproducible.sh [--target TRIPLE]...
set -eu
cd "$(dirname "$0")/.."
repository=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Rolldown's bundles have the real names of the modules, so that a link to one directory would prove nothing.
copy() {
  git clone --quiet --no-local "file://$repository" "$1"
  git -C "$1" checkout --quiet --detach "$(git rev-parse HEAD)"
  cp -R "$repository/node_modules" "$1/node_modules"
}
build() {
  directory=$1
  shift
  (cd "$directory" && "$directory/node_modules/.bin/node" scripts/build.ts "$@")
}
one=$work/one
two=$work/another/directory/with/a/longer/name
copy "$one"
build "$one" "$@"
copy "$two"
(
  umask 077
  export TZ=Asia/Kathmandu LANG=C.UTF-8 CFLAGS=-g3 RUSTFLAGS="-C debuginfo=2" CARGO_INCREMENTAL=1
  build "$two" "$@"
)

(cd "$one/dist" && find . -type f) | sort >"$work/one.txt"
(cd "$two/dist" && find . -type f) | sort >"$work/two.txt"
cmp "$work/one.txt" "$work/two.txt"
[ -s "$work/one.txt" ]
while read -r file; do
  cmp "$one/dist/$file" "$two/dist/$file"
  (cd "$one/dist" && sha256sum "$file")
done <"$work/one.txt"
echo "Two builds of $(git rev-parse --short HEAD) are the same bytes"
