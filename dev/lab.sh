#!/usr/bin/env bash
# Builds the program and the lab, and brings hosts up until ctrl-C. What `make lab` does.
#
#   dev/lab.sh                    three hosts in a Swarm, with a server and edges
#   dev/lab.sh up --hosts 5 --managers 3
#   dev/lab.sh status             in another terminal, as all that `launcher-lab --help` lists

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

dev/setup.sh lab
cargo build --locked -p launcher -p launcher-lab --bins
if [[ $(id -u) -ne 0 ]]; then
    have sudo || fail "a lab needs root, and there is no sudo; as root, run: $target/debug/launcher-lab $*"
    exec sudo "$target/debug/launcher-lab" "$@"
fi
exec "$target/debug/launcher-lab" "$@"
