#!/usr/bin/env bash
# Builds the program and runs its demonstration with the given arguments. What `make demo` does.

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

dev/setup.sh demo
if ! dev/docker.sh status; then
    dev/docker.sh start
    # Without --exit everything stays up for the visitor, the engine too.
    [[ " $* " != *' --exit '* ]] || trap 'dev/docker.sh stop' EXIT
fi
cargo build --release -p launcher
"$target/release/launcher" demo "$@"
