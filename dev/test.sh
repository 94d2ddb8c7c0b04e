#!/usr/bin/env bash
# Runs the whole test suite, and fails when it leaves anything behind. What `make test` does.
# Arguments go to the test runner.

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

features=(--workspace --locked --features launcher/fault-points)

run_tests() {
    if have cargo-nextest; then
        # The runner leaves the examples in the documentation out.
        [[ $# -gt 0 ]] || cargo test "${features[@]}" --doc
        # Two of them mostly wait (.config/nextest.toml).
        NEXTEST_TEST_THREADS=${NEXTEST_TEST_THREADS:-$(($(nproc) + 1))} cargo nextest run "${features[@]}" "$@"
    else
        # Those on a real engine or in a browser in a row, as .config/nextest.toml has it.
        cargo test "${features[@]}" --no-fail-fast --tests "$@" -- docker_ heavy_ --test-threads 1
        cargo test "${features[@]}" --no-fail-fast "$@" -- --skip docker_ --skip heavy_
    fi
}

# What is there of ours on the engine, and which labs: one a line, to be compared from before to after.
on_the_engine() {
    docker ps -a --no-trunc --filter label=launcher.service --format 'container {{.ID}} {{.Names}}'
    docker ps -a --no-trunc --filter label=launcher.standin --format 'container {{.ID}} {{.Names}}'
    docker images -a --no-trunc --filter label=launcher.test --format 'image {{.ID}}'
    docker network ls --no-trunc --format 'network {{.ID}} {{.Name}}'
    docker volume ls --format 'volume {{.Name}}'
    find /var/lib/launcher-lab -mindepth 1 -maxdepth 1 -type d -printf 'lab %p\n' 2>/dev/null || true
}

# Every process that descends from the tests, a daemon too, has this run's mark in its environment.
processes_of_run() {
    local pid
    { grep -lszxF "LAUNCHER_TEST_RUN=$run" /proc/[0-9]*/environ || true; } | tr -dc '0-9\n' |
        while read -r pid; do
            echo "process $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
        done 2>/dev/null
}

left_behind() {
    comm -13 <(sort <<<"$before") <(on_the_engine | sort)
    processes_of_run
    find "$scratch" -mindepth 1 -maxdepth 1 -printf 'file %p\n'
}

# A process that was told to end may take a moment.
check_nothing_is_left() {
    local deadline=$((SECONDS + 10)) left
    while left=$(left_behind) && [[ -n $left ]]; do
        if [[ $SECONDS -ge $deadline ]]; then
            say "error: the tests have left this behind:"$'\n'"$left"
            return 1
        fi
        sleep 0.2
    done
}

# shellcheck disable=SC2317 # at the exit
finish() {
    rm -rf "$scratch"
    [[ -z $started_engine ]] || dev/docker.sh stop
}

dev/setup.sh test
run=$(date +%s)-$$
scratch=$(mktemp -d /tmp/launcher-test.XXXXXX)
started_engine=
trap finish EXIT
dev/docker.sh status || {
    started_engine=yes
    dev/docker.sh start
}
before=$(on_the_engine)

# In a shell of its own, so that the first failure ends it but not this.
set +e
(
    set -e
    export LAUNCHER_TEST_RUN=$run TMPDIR=$scratch
    run_tests "$@"
)
outcome=$?
set -e
check_nothing_is_left || outcome=1
exit "$outcome"
