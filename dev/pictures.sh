#!/usr/bin/env bash
# Takes pictures of every page, in both themes and two widths. What `make pictures` does.
# An argument is the folder that they go to; target/pictures without one.

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

dev/setup.sh test
folder=$(realpath -m "${1:-$target/pictures}")
mkdir -p "$folder"
LAUNCHER_PICTURES=$folder cargo test --locked -p launcher-server --test pages_browser fit_their_window
echo "pictures of every page are in $folder"
