# Takes away all that a lab has made, as soon as standard input ends: when the lab closes it, or when the
# lab's process is gone, however that came about. Safe to repeat, and to be run by several at once.
#
#   sh -c "$(cat keeper.sh)" keeper MARK DIRECTORY
# shellcheck shell=sh

mark=$1 directory=$2

# Who interrupts the lab means the lab; the keeper has work to do then.
trap '' HUP INT TERM

cat >/dev/null

# Every process that the lab started has its mark in its environment. Those in containers have not, and
# end with the first process of their host.
processes() {
    grep -lszxF "LAUNCHER_LAB=$mark" /proc/[0-9]*/environ | tr -c '0-9' ' '
}

control_groups() {
    find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d -name "$mark" 2>/dev/null
}

links() {
    find /sys/class/net -mindepth 1 -maxdepth 1 -name "$mark*" -printf '%f\n'
}

take_away() {
    for process in $(processes); do
        kill -KILL "$process" 2>/dev/null
    done
    for link in $(links); do
        ip link delete "$link" 2>/dev/null
    done
    while iptables -w -D FORWARD -i "$mark" -o "$mark" -j ACCEPT 2>/dev/null; do :; done
    for group in $(control_groups); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    done
    # What names the lab goes last, so that whoever comes after a keeper that was killed knows of it.
    [ -z "$(processes)$(links)$(control_groups)" ] && rm -rf "$directory" 2>/dev/null
}

# What was just killed may take a moment.
attempts=0
until take_away || [ "$attempts" -ge 600 ]; do
    attempts=$((attempts + 1))
    sleep 0.05
done
[ ! -e "$directory" ]
