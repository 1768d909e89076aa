# Sourced by the scripts that make something for all tests, with $directory, which is to be made. Ends here when it is there: then it is complete, and left
# as it is. Otherwise sets $work, an empty directory on the same file system, which goes away in the end.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022

# Two that want the same one make it once.
mkdir -p "$(dirname "$directory")"
exec 9>"$directory.lock"
flock 9
[ ! -e "$directory" ] || exit 0

work=$(mktemp -d -p "$(dirname "$directory")")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
