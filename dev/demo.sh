#!/usr/bin/env bash
# Builds the program and runs its demonstration with the given arguments. What `make demo` does.

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

dev/setup.sh demo
if ! dev/docker.sh status; then
    # The demonstration ends when it was shown, or with ctrl-C; then nothing needs the engine any more.
    trap 'dev/docker.sh stop' EXIT
    dev/docker.sh start
fi
cargo build --release --locked -p launcher --bin launcher
"$target/release/launcher" demo "$@"
