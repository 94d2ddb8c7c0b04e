#!/usr/bin/env bash
# Has libFuzzer look for bytes that break what must hold of our readers. What `make fuzz` does;
# docs/fuzzing.md tells of it.
#
#   dev/fuzz.sh [TARGET...] [--seconds N] [--jobs N]     every target for 60 s, as many at a time as there
#                                                        are processors
#   dev/fuzz.sh --list                                   the targets
#
# What a run has found that reaches further is kept beside what is built, for the next one.

set -euo pipefail
# shellcheck source=dev/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$root"

seconds=60 jobs=$(nproc) targets=()
all=(crates/fuzz/seeds/*)
all=("${all[@]##*/}")
while [[ $# -gt 0 ]]; do
    case $1 in
        --list)
            printf '%s\n' "${all[@]}"
            exit
            ;;
        --seconds | --jobs)
            [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || fail "$1 wants a number, such as $1 10"
            declare "${1#--}=$2"
            shift
            ;;
        *)
            [[ -d crates/fuzz/seeds/$1 ]] || fail "there is no target $1; dev/fuzz.sh --list lists them"
            targets+=("$1")
            ;;
    esac
    shift
done
[[ ${#targets[@]} -gt 0 ]] || targets=("${all[@]}")

dev/setup.sh fuzz
folder=$target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')

# Where a branch of the program leads is counted by code that the compiler puts in. Told for a platform by
# its name, that concerns what is fuzzed and not what runs while it is built.
coverage=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
)
RUSTFLAGS="${RUSTFLAGS:-} ${coverage[*]}" CARGO_INCREMENTAL=0 cargo build --locked -p launcher-fuzz \
    --features libfuzzer --profile fuzz --target "$host" --target-dir "$folder"
program=$folder/$host/fuzz/launcher-fuzz

fuzz() {
    local name=$1
    mkdir -p "$folder/corpus/$name" "$folder/broken/$name"
    local known=() kind
    for kind in seeds regressions; do
        [[ ! -d crates/fuzz/$kind/$name ]] || known+=("crates/fuzz/$kind/$name")
    done
    LAUNCHER_FUZZ_TARGET=$name "$program" -max_total_time="$seconds" -max_len=16384 -timeout=10 \
        -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$folder/broken/$name/" \
        "$folder/corpus/$name" "${known[@]}" >"$folder/$name.log" 2>&1
}

# One line of what libFuzzer has told last.
summary() {
    local log=$folder/$1.log executions speed edges
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    printf '%-18s %12s runs %8s a second %7s edges\n' "$1" "${executions:-?}" "${speed:-?}" "${edges:-?}"
}

broken=()
while [[ ${#targets[@]} -gt 0 ]]; do
    now=("${targets[@]:0:jobs}") runs=()
    targets=("${targets[@]:jobs}")
    for name in "${now[@]}"; do
        fuzz "$name" &
        runs+=($!)
    done
    for i in "${!now[@]}"; do
        wait "${runs[$i]}" || broken+=("${now[$i]}")
        summary "${now[$i]}"
    done
done
[[ ${#broken[@]} -eq 0 ]] && exit
for name in "${broken[@]}"; do
    say "== $name broke:"
    grep -vE '^(#|INFO|stat::)' "$folder/$name.log" | tail -n 25 >&2
done
fail "what broke them is in $folder/broken; put it into crates/fuzz/regressions and mend what it shows"
