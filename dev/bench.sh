#!/usr/bin/env bash
# Measures the program beside its peers. What `make bench` does.

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

dev/setup.sh bench
if ! dev/docker.sh status; then
    dev/docker.sh start
    trap 'dev/docker.sh stop' EXIT
fi
cargo build --release -p launcher -p launcher-bench
"$target/release/launcher-bench" "$@" || {
    status=$?
    # Whatever ends it from outside leaves it no time for a word.
    [[ $status -le 128 ]] || fail "the benchmarks were ended by signal $((status - 128))"
    exit "$status"
}
