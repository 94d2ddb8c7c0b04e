# The first process of a host: makes its namespaces a machine's, says "up", and stays.
#
#   unshare --net --mount --uts --pid --fork sh -c "$(cat machine.sh)" machine NAME DIRECTORY
# shellcheck shell=sh

set -eu
name=$1 directory=$2

mount --make-rprivate /
# What this machine's own engine has mounted would stay mounted for as long as the host is there.
awk '$2 ~ "^(/var)?/run/|^/var/lib/docker/" { print $2 }' /proc/self/mounts | sort -r |
    while read -r place; do
        # One that the engine takes away meanwhile is gone here, too.
        umount --lazy "$place" 2>/dev/null || true
    done
mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/netns /run/lock "$directory/docker" "$directory/etc"
# Engines that share a key have one identity.
mount --bind "$directory/docker" /var/lib/docker
mount --bind "$directory/etc" /etc/docker
hostname "$name"

sleep infinity >/dev/null &
echo up
exec >/dev/null
# The shell takes in all orphans of the host while it waits for a child that never ends.
wait
