#!/usr/bin/env bash
# Everything that can be found without running the program. What `make lint` does.

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

dev/setup.sh build

step() {
    say "== $*"
    "$@"
}

step cargo fmt --all --check
# As it is tested, with all that a feature adds. One crate has something of its own without.
step cargo clippy --workspace --all-targets --locked --features launcher/fault-points -- -D warnings
step cargo clippy --package launcher-fault --all-targets --locked -- -D warnings
RUSTDOCFLAGS='-D warnings' step cargo doc --workspace --no-deps --document-private-items --locked

if have cargo-deny; then
    step cargo deny --locked check bans licenses sources
else
    say '== skipped: cargo deny, which is not installed (cargo install cargo-deny)'
fi

# As they are installed, but for the program, which is not.
verify_units() {
    local copies
    copies=$(mktemp -d)
    for unit in packaging/systemd/*.{service,socket}; do
        sed 's#/usr/bin/launcher#/bin/true#' "$unit" >"$copies/${unit##*/}"
    done
    systemd-analyze verify --man=no "$copies"/*
    rm -r "$copies"
}

if have systemd-analyze; then
    step verify_units
else
    say '== skipped: the units of systemd, as systemd-analyze is not installed (apt-get install systemd)'
fi

mapfile -t scripts < <(grep -rlE '^#!.*(bash|/sh)$' dev .ci)
if have shellcheck; then
    step shellcheck --external-sources dev/lib.sh crates/lab/src/*.sh "${scripts[@]}"
else
    say '== skipped: shellcheck, which is not installed (apt-get install shellcheck)'
fi
